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


def tables(*lines: str) -> list[list[list[str]]]:
    return [one.rows for one in find_markdown_tables("\n".join(lines))]


def test_a_table_starts_where_dashes_stand_below_as_many_cells() -> None:
    assert tables("|a|b|", "|-|-|") == [[["a", "b"]]]
    assert tables("|a|b|") == tables("|a|b|", "text") == tables("ab", "|-|-|") == []
    assert tables("|a|b|c|", "|-|-|", "|1|2|3|") == []
    assert tables("x", "|a|b|", "|-|-|", "|1|2|", "y", "|c|", "|-|") == [[["a", "b"], ["1", "2"]], [["c"]]]


def test_a_fence_ends_a_table_and_hides_headings() -> None:
    text = "# One\n```\n# Two\n```\n|a|b|\n|-|-|\n|1|2|\n```\n|3|4|\n```\n"
    (one,) = find_markdown_tables(text)
    assert (one.heading, one.rows) == ("One", [["a", "b"], ["1", "2"]])


def test_marks_are_taken_off_as_often_as_they_stand_around_the_whole_cell() -> None:
    assert plain_cell("***x***") == plain_cell("**_x_**") == plain_cell("__**x**__") == "x"
    assert (plain_cell("**"), plain_cell("*"), plain_cell("****")) == ("**", "*", "**")
    assert plain_cell("[[a](b)](c)") == "a"
    assert plain_cell("**a** and `b`") == "a and b"
    assert split_row("a | b \\|") == ["a", "b |"]
