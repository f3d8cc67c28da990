"""Tables in markdown: what a reader sees of each cell, and which lines are a table."""

import pytest

from kogen.results.markdown import find_markdown_tables, plain_cell, split_row

CELLS = {
    "<sub>**1**</sub>": "1",
    "<sub><sup>**Bart_WRN-94-16**</sup></sub>": "Bart_WRN-94-16",
    "<sub>*[Adv (x) y](https://a.b/c)*</sub>": "Adv (x) y",
    "<sub>93.68%</sub>": "93.68%",
    "ResNet-50 <br/> (3x ensemble)": "ResNet-50 (3x ensemble)",
    "[BlurAfterConv]": "BlurAfterConv",
    "[a](http://x_(y))": "a",
    "[a][ref]": "a",
    "79.80 :sparkles:": "79.80",
    "[:link:](https://x)": "",
    "![logo](x.png) net": "net",
    "**80.1**": "80.1",
    "*x*": "x",
    "`vit_b`": "vit_b",
    "**80.1** \u00b1 0.2": "80.1 \u00b1 0.2",
    "80.1<sup>1</sup>": "80.1",
    "80.1 <sup>*</sup>": "80.1",
    "80.1[^2]": "80.1",
    "resnet\\_50": "resnet_50",
    "5 &plusmn; 0.2": "5 \u00b1 0.2",
    "a_b_c": "a_b_c",
    "65.6*": "65.6*",
}


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_what_a_reader_sees(cell: str) -> None:
    assert plain_cell(cell) == CELLS[cell]


def test_tables_with_and_without_outer_pipes_and_what_is_none() -> None:
    text = (
        "# One\n\nmodel | val\n--|:-:\na|80\nb | 70.2 |\n\n## **Two** ##\n|a|b|\n|:-:|--:|\n|1|2\n|1|\n|1|2|3|\n"
        "```\n|a|b|\n|-|-|\n|1|2|\n```\n| no | table |\n\n|a|b|c|\n|-|-|\n"
    )
    one, two = find_markdown_tables(text)
    assert (one.heading, one.rows) == ("One", [["model", "val"], ["a", "80"], ["b", "70.2"]])
    assert (two.heading, two.rows) == ("Two", [["a", "b"], ["1", "2"], ["1", ""], ["1", "2"]])


def test_pipes_inside_cells() -> None:
    assert split_row(r"| a \| b | 1 |") == ["a | b", "1"]
    assert split_row("a||1") == ["a", "", "1"]
