"""One door to the views of every kind: a View of images, a Wave of series."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from kogen.augmentation.views import PerChannel, View, evaluation_view, only_geometry, render_all, show_at_least
from kogen.augmentation.waves import Wave, evaluation_wave, local_wave, only_time, render_waves, show_time
from kogen.common.kinds import Kind
from kogen.common.rng import StepRng

AnyView = View | Wave
LOCAL_AREA = (0.05, 0.14)  # share of an image that a local crop shows (SwAV, section 4.1)


def render_views(
    items: Tensor, views: Sequence[AnyView], rng: StepRng, *, tags: Sequence[str], aspect: Tensor | None = None
) -> list[Tensor]:
    """Several views of each item: images (B, C, H, W) to (B, C, S, S) each, windows of series (B, C, T) to (B, C, S).

    See `render_all` and `render_waves`. ValueError for views of the other kind.
    """
    waves = [view for view in views if isinstance(view, Wave)]
    if items.ndim == 3 and len(waves) == len(views):
        return render_waves(items, waves, rng, tags=tags)
    if waves or items.ndim == 3:
        got = f"{'series' if items.ndim == 3 else 'images'} {tuple(items.shape)} and views of the other kind"
        raise ValueError(f"{got}: images have a View, series a Wave")
    return render_all(items, [view for view in views if isinstance(view, View)], rng, tags=tags, aspect=aspect)


def render_view(items: Tensor, view: AnyView, rng: StepRng, *, tag: str, aspect: Tensor | None = None) -> Tensor:
    """One view of each item, see `render_views`."""
    return render_views(items, (view,), rng, tags=(tag,), aspect=aspect)[0]


def check_length(shape: Sequence[int], view: AnyView) -> None:
    """ValueError for windows (N, C, T) of another length than a view of the whole has: it would stretch them."""
    if isinstance(view, Wave) and len(shape) == 3 and shape[2] != view.size:
        got = f"windows of {shape[2]} samples, and the network learnt from windows of {view.size}"
        raise ValueError(f"{got}: cut them alike, ?window={view.size} in the source")


def evaluation_view_of(kind: Kind, size: int, *, mean: PerChannel = None, std: PerChannel = None) -> AnyView:
    """The view for evaluation: the whole item, nothing by chance."""
    return (evaluation_wave if kind == "series" else evaluation_view)(size, mean=mean, std=std)


def only_places(view: AnyView) -> AnyView:
    """The view that moves what is seen and changes no value of it: what a method sees that rebuilds values."""
    return only_time(view) if isinstance(view, Wave) else only_geometry(view)


def show_share(view: AnyView, share: float) -> AnyView:
    """The view whose crop is never under this share of an image's area, or of a window's time."""
    return show_time(view, share) if isinstance(view, Wave) else show_at_least(view, share)


def local_view(view: AnyView, size: int) -> AnyView:
    """The view of a small part, as methods with local crops see it beside whole views."""
    return local_wave(view, size) if isinstance(view, Wave) else replace(view, size=size, crop=LOCAL_AREA)
