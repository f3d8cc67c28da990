"""Sets of views by name, changed by settings: `inspection?without=flip`, and the operations that they are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from kogen.augmentation.rendering import AnyView
from kogen.augmentation.views import PerChannel, View
from kogen.augmentation.wave_sets import WAVE_OPERATIONS, WAVE_SETS, ready_wave
from kogen.augmentation.waves import Wave
from kogen.common.kinds import Kind
from kogen.common.plugins import find_plugin, refuse_taken
from kogen.common.text import hint, parse_spec

VIEW_SETS = ("gentle", "inspection", "natural")
ViewPair = tuple[AnyView, AnyView]  # both of one kind


def view_set(
    spec: str, size: int, *, channels: int = 3, mean: PerChannel = None, std: PerChannel = None
) -> tuple[Any, Any]:
    """A ViewPair by its name or a user's own; changed by settings, `natural?without=flip`, `motion?permute=0`.

    Two View for the images of `natural`, `inspection` and `gentle`, whose `size` is in pixels; two Wave for the series
    of `vibration`, `motion` and `process` (see `ready_wave`), whose `size` is in samples.
    ValueError for another name, with the nearest, and for settings that `change_views` does not take.

    natural: BYOL's two (Grill et al. 2020, appendix B). Up to 64 pixels the crop keeps at least a fifth of the area and
        nothing is blurred, as is usual for CIFAR-size images: a smaller crop shows no object, a blur of 2 no edge.
    inspection: for surfaces, gray or coloured, where a defect is small: a crop of at least 60 %, flips, quarter turns,
        noise and light instead of hue, saturation and solarization; no blur that wipes a scratch away.
    gentle: crop, flip and a little brightness and contrast: where colour and scale carry the label.
    """
    name, settings = parse_spec(spec)
    refuse_taken(find_plugin("views", name), (*VIEW_SETS, *WAVE_SETS))
    common = View(size=size, mean=mean, std=std, flip=0.5)
    first: AnyView
    second: AnyView
    if name in WAVE_SETS:
        first = second = ready_wave(name, Wave(size=size, mean=mean, std=std))
    elif name == "natural":
        small = size <= 64
        crop = (0.2 if small else 0.08, 1.0)
        jitter = replace(common, crop=crop, jitter=0.8, brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1, gray=0.2)
        first = replace(jitter, blur=0.0 if small else 1.0)
        second = replace(jitter, blur=0.0 if small else 0.1, solarize=0.2)
    elif name == "inspection":
        turned = replace(common, crop=(0.6, 1.0), flip_vertical=0.5, quarter_turns=True)
        first = second = replace(turned, jitter=0.8, brightness=0.3, contrast=0.3, light=0.3, noise=0.04)
    elif name == "gentle":
        first = second = replace(common, crop=(0.5, 1.0), jitter=0.8, brightness=0.2, contrast=0.2)
    elif plugin := find_plugin("views", name):
        first, second = (replace(view, mean=mean, std=std) for view in own_views(name, plugin.thing, size))
    else:
        raise unknown_set(name)
    first, second = change_views((first, second), settings, spec)
    return fit_channels(first, channels), fit_channels(second, channels)


def unknown_set(name: str) -> ValueError:
    """What is wrong with a name that no set of views has."""
    return ValueError(f"unknown set of views {name!r}: {hint(name, [*VIEW_SETS, *WAVE_SETS])} (your own: mine.py:NAME)")


def kind_of_views(spec: str) -> Kind:
    """Whether a set of views is for images or for series. ValueError for an unknown one."""
    name = parse_spec(spec)[0]
    if name in (*VIEW_SETS, *WAVE_SETS):
        return "series" if name in WAVE_SETS else "image"
    plugin = find_plugin("views", name)
    if plugin is None:
        raise unknown_set(name)
    return "series" if isinstance(own_views(name, plugin.thing, 64)[0], Wave) else "image"


def fit_channels(view: AnyView, channels: int) -> AnyView:
    """The view without the operations that need three channels, of series more than one, where there are others."""
    if isinstance(view, Wave):
        return replace(view, drop_channel=0.0) if channels == 1 else view
    return view if channels == 3 else replace(view, saturation=0.0, hue=0.0, gray=0.0)


def own_views(name: str, make: Any, size: int) -> ViewPair:
    """The two views of a user's own set. ValueError for what is none."""
    wanted = "a function of the size that returns two kogen.extend.View(size=size, ...), or two Wave for series"
    if not callable(make):
        raise ValueError(f"the set of views {name!r} is a {type(make).__name__}: wanted {wanted}")
    made = make(size)
    if not isinstance(made, tuple | list) or [type(view) for view in made] not in ([View, View], [Wave, Wave]):
        raise ValueError(f"the set of views {name!r} returned {made!r}: wanted {wanted}")
    if odd := [view.size for view in made if view.size != size]:
        raise ValueError(f"the set of views {name!r} has a view of size {odd[0]} at --image-size {size}: {wanted}")
    return made[0], made[1]


# What turns each operation off, in the order in which a view applies them; tone and colour are parts of the jitter.
OPERATIONS: dict[str, dict[str, Any]] = {
    "crop": {"crop": None},
    "flip": {"flip": 0.0},
    "flip_vertical": {"flip_vertical": 0.0},
    "quarter_turns": {"quarter_turns": False},
    "rotate": {"rotate": 0.0},
    "light": {"light": 0.0},
    "tone": {"brightness": 0.0, "contrast": 0.0},
    "colour": {"saturation": 0.0, "hue": 0.0},
    "gray": {"gray": 0.0},
    "blur": {"blur": 0.0},
    "solarize": {"solarize": 0.0},
    "noise": {"noise": 0.0},
}
CHOICES = ("without", "only")
SIDES = ("first", "second")
FIXED = ("size", "mean", "std")  # the training sets these


def known_operations(view: AnyView) -> Mapping[str, Mapping[str, Any]]:
    """What turns each operation off that a view of this kind can have."""
    return WAVE_OPERATIONS if isinstance(view, Wave) else OPERATIONS


def operations_of(views: ViewPair) -> tuple[str, ...]:
    """The operations that may happen in either view, in their order."""
    known = known_operations(views[0])
    return tuple(name for name, off in known.items() if any(happens(view, off) for view in views))


def happens(view: AnyView, off: Mapping[str, Any]) -> bool:
    """Whether any of these fields of a view is on; those of the jitter only where it has a probability."""
    jitters = set(off) & {"brightness", "contrast", "saturation", "hue"}  # of images alone
    return bool(not jitters or getattr(view, "jitter", 0)) and any(
        getattr(view, name) != value for name, value in off.items()
    )


def change_views(views: ViewPair, settings: Mapping[str, Any], spec: str) -> ViewPair:
    """The two views with the settings of `spec`: fields of its views, for one as `first_blur=0`, `without`, `only`.

    The operations of `without` are turned off, or all but those of `only` (`only=nothing`: all), names with commas.
    ValueError for a setting that is none, and for an operation that the set does not have.
    """
    own = [field.name for field in fields(views[0]) if field.name not in FIXED]
    for key, value in settings.items():
        side, _, rest = key.partition("_")
        name = rest if side in SIDES else key
        if key not in CHOICES and name not in own:
            raise ValueError(f"{spec}: a view has no setting {key!r}: {hint(name, [*CHOICES, *own])}")
        if key not in CHOICES:
            pair = [put(view, name, value, spec) if side in (one, key) or side not in SIDES else view
                    for one, view in zip(SIDES, views, strict=True)]  # fmt: skip
            views = pair[0], pair[1]
    there = operations_of(views)
    kept = set(there)
    for choice in (one for one in CHOICES if one in settings):
        asked = listed(settings[choice])
        if not asked:
            raise ValueError(f"{spec}: {choice}= names no operation: {hint('', list(there))}")
        asked = [] if choice == "only" and asked == ["nothing"] else asked
        for name in asked:
            if name not in there:
                known = hint(name, [*there, *(["nothing"] if choice == "only" else [])])
                raise ValueError(f"{spec}: these views have no operation {name!r} to {WORDS[choice]}: {known}")
        kept = kept & set(asked) if choice == "only" else kept - set(asked)
    known = known_operations(views[0])
    changes = {key: value for name in there if name not in kept for key, value in known[name].items()}
    return replace(views[0], **changes), replace(views[1], **changes)


WORDS = {"without": "leave out", "only": "keep"}


def leave_out(spec: str, names: Sequence[str]) -> str:
    """A set of views without these operations either."""
    return with_choice(spec, "without", [*listed(parse_spec(spec)[1].get("without", ())), *names])


def keep_only(spec: str, name: str) -> str:
    """A set of views with nothing but this one of its operations, or `nothing`."""
    return with_choice(spec, "only", [name])


def with_choice(spec: str, choice: str, names: Sequence[str]) -> str:
    """A set of views with these names of a choice in the place of those that it has."""
    name, _, query = spec.partition("?")
    others = [part for part in query.split("&") if part and part.partition("=")[0] != choice]
    return f"{name}?{'&'.join([*others, f'{choice}=' + ','.join(names)])}"


def listed(value: Any) -> list[str]:
    """The names of a setting, `flip,noise`, each once."""
    names = [str(one).strip() for one in value] if isinstance(value, tuple) else str(value).split(",")
    return list(dict.fromkeys(name for name in names if name))


def put(view: AnyView, name: str, value: Any, spec: str) -> AnyView:
    """A view with one field changed. ValueError for a value of another type, or out of its range."""
    default = next(field.default for field in fields(view) if field.name == name)
    if isinstance(default, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif type(default) is int:
        fits, wanted = type(value) is int, "a whole number"
    elif name in ("crop", "ratio", "sigma"):
        number = isinstance(value, tuple) and len(value) == 2 and all(type(one) in (int, float) for one in value)
        fits, wanted = number or (name == "crop" and value is None), "two numbers, low,high"
    else:
        fits, wanted = type(value) in (int, float), "a number"
    if not fits:
        raise ValueError(f"{spec}: {name} = {value!r}, wanted {wanted}")
    try:
        return replace(view, **{name: value})
    except ValueError as error:
        raise ValueError(f"{spec}: {error}") from error
