"""A picture of views: an image and 16 of its views, to look at before training."""

from pathlib import Path

from kogen.common.outputs import claim_file
from kogen.data.split_names import training_part
from kogen.options.study import StudyOptions
from kogen.options.view_options import ViewsOptions
from kogen.results.asked import flag_of
from kogen.study.request import study_from_request
from kogen.study.splits import open_source, paths_read, storage_for
from kogen.study.study_runs import write_view_sheet
from kogen.study.telling import print_notes


def draw_views(source: str, options: ViewsOptions) -> Path:
    """Write the picture of the views of one image of `source`; ValueError for options that only advice takes."""
    if given := options.only_for_advice:
        raise ValueError(f"{', '.join(map(flag_of, given))}: only with --advise; add that, or leave it out")
    asked = options.model_fields_set & {"views", "image_size", "max_bad"}
    study = study_from_request(source, StudyOptions(**{name: getattr(options, name) for name in asked}))
    claim_file(options.out, paths_read(options, source), force=options.force)
    images = training_part(open_source(source, storage_for(study.image_size, study.max_bad, options.depth), options))
    print_notes(images.name, images.notes)
    write_view_sheet(images, study, options.out, options.seed)
    return options.out
