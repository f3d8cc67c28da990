"""The drawing of surfaces: a texture, a print on it, a defect in them, light, blur and the sensor's noise."""

from dataclasses import dataclass

import numpy as np

CLASSES = ("clean", "scratch", "pit", "stain", "missing_print")
MATERIALS = ("brushed", "cast", "fabric", "board")
LOT_SIZE = 20  # images of a production lot: one material, similar angle, ink and light; each class equally often
PRINT_ROWS, PRINT_COLUMNS = 3, 4  # marks of the print
MAX_PITS = 3


@dataclass(frozen=True)
class ProductionLine:
    """Where the images are taken: what is made there, and what the camera sees of it."""

    material: str = "brushed,cast"
    light: float = 0.55  # gray of a bare surface, share of full scale
    slope: float = 0.25  # how much brighter the lit edge is than the middle, share of the light
    direction: float = 30.0  # where the light comes from, degrees
    grain: float = 1.0  # size of the texture, 1 is fine
    blur: float = 0.5  # standard deviation, pixels of a picture of 64
    noise: float = 0.02  # standard deviation, share of full scale


@dataclass(frozen=True)
class SurfaceSamples:
    """All that is random in some images; drawn in the same way whatever their class and the settings are."""

    labels: np.ndarray  # (B,) int64 into CLASSES
    per_lot: np.ndarray  # (B, 8) uniform, shared by a lot
    per_image: np.ndarray  # (B, 64) uniform
    white_noise: np.ndarray  # (B, 3, S, S) normal: of the texture, of wear and stains, of the sensor


def sample_surfaces(seeds: tuple[int, ...], index: np.ndarray, size: int) -> SurfaceSamples:
    """The samples of the images at `index` (B,), each from its own generator, seeded from (seeds, lot or image)."""
    lots = {int(lot): np.random.default_rng((*seeds, 0, int(lot))) for lot in np.unique(index // LOT_SIZE)}
    dealt = {lot: (rng.permutation(LOT_SIZE) % len(CLASSES), rng.random(8)) for lot, rng in lots.items()}
    labels = np.array([dealt[i // LOT_SIZE][0][i % LOT_SIZE] for i in index.tolist()], dtype=np.int64)
    lot = np.stack([dealt[i // LOT_SIZE][1] for i in index.tolist()]).astype(np.float32)
    own, fields = np.empty((len(index), 64), np.float32), np.empty((len(index), 3, size, size), np.float32)
    for row, i in enumerate(index.tolist()):
        rng = np.random.default_rng((*seeds, 1, i))
        rng.random(out=own[row], dtype=np.float32)
        rng.standard_normal(out=fields[row], dtype=np.float32)
    return SurfaceSamples(labels, lot, own, fields)


def draw_surfaces(line: ProductionLine, samples: SurfaceSamples, visible: float) -> np.ndarray:
    """Pictures (B, S, S) uint8; `visible` is the strength of the defects, at 0 they leave no trace."""
    size = samples.white_noise.shape[-1]
    y, x = np.meshgrid(*2 * [(np.arange(size, dtype=np.float32) + 0.5) / size], indexing="ij")  # (S, S) each
    rough = 0.02 + 0.04 * uniform_number(samples.per_lot, 0)
    surface = 1 + rough * texture(line, samples, x, y)  # (B, S, S), 1 is the bare surface
    surface += print_marks(samples, x, y, visible)
    for label, defect in ((1, scratch), (2, pit), (3, stain)):
        rows = np.flatnonzero(samples.labels == label)
        surface[rows] += np.float32(visible) * defect(samples.per_image[rows], samples.white_noise[rows, 1], x, y)
    own = samples.per_image
    angle = np.deg2rad(line.direction) + 0.7 * (uniform_number(own, 0) - 0.5)
    level = line.light * (0.8 + 0.4 * uniform_number(samples.per_lot, 1)) * (0.95 + 0.1 * uniform_number(own, 1))
    slope = line.slope * (0.5 + uniform_number(own, 2))
    lit = level * (1 + slope * 2 * ((x - 0.5) * np.cos(angle) - (y - 0.5) * np.sin(angle)))
    noise = line.noise * (0.6 + 0.8 * uniform_number(own, 6))  # warmer and colder sensors
    u, v = frequencies(size)
    sharp = np.exp(-2 * (np.pi * line.blur / 64) ** 2 * (u * u + v * v))  # what a Gaussian blur leaves
    seen = filter_frequencies(surface, sharp) * lit + noise * samples.white_noise[:, 2]
    return np.clip(np.rint(255 * seen), 0, 255).astype(np.uint8)


def texture(line: ProductionLine, samples: SurfaceSamples, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Texture of the material of each image's lot, (B, S, S), mean 0 and deviation 1."""
    names = line.material.split(",")
    turn = np.minimum((samples.per_lot[:, 2] * len(names)).astype(int), len(names) - 1)  # (B,)
    drawn = np.empty_like(samples.white_noise[:, 0])
    for place, name in enumerate(names):
        rows = np.flatnonzero(turn == place)
        lot, own, noise = samples.per_lot[rows], samples.per_image[rows], samples.white_noise[rows, 0]
        angle = np.pi * (uniform_number(lot, 3) + 0.1 * (uniform_number(own, 3) - 0.5))  # (b, 1, 1)
        drawn[rows] = material_texture(name, noise, angle, line.grain, own, x, y)
    drawn -= drawn.mean(axis=(1, 2), keepdims=True)
    return drawn / drawn.std(axis=(1, 2), keepdims=True)


def material_texture(
    name: str, noise: np.ndarray, angle: np.ndarray, grain: float, own: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """One material (B, S, S) from white noise (B, S, S), along `angle` (B, 1, 1) in radians; any mean and scale."""
    u, v = frequencies(noise.shape[-1])  # cycles per picture
    cos, sin = np.cos(angle), np.sin(angle)
    if name == "brushed":  # streaks: slow along the angle, fast across
        along, across = (u * cos + v * sin) * grain, (v * cos - u * sin) * grain
        return filter_frequencies(noise, np.exp(-((along / 2) ** 2)) / (1 + (across / 14) ** 2))
    if name == "cast":  # grains of many sizes
        return filter_frequencies(noise, 1 / (1 + (u * u + v * v) * (grain / 8) ** 2))
    bent = filter_frequencies(noise, np.exp(-(u * u + v * v) / 18))
    bent /= bent.std(axis=(1, 2), keepdims=True)
    if name == "fabric":  # warp and weft, a little bent
        turns = 2 * np.pi * 11 / grain
        warp = np.sin(turns * (x * cos + y * sin) + 0.8 * bent + 6.3 * uniform_number(own, 4))
        weft = np.sin(turns * (y * cos - x * sin) - 0.8 * bent + 6.3 * uniform_number(own, 5))
        return warp * weft + 0.25 * noise
    width = 2 * (9 / grain) ** 2
    gains = np.exp(-(u * u) / width) * (v == 0), np.exp(-(v * v) / width) * (u == 0)
    lines = [filter_frequencies(noise, gain) for gain in gains]
    tracks = [np.tanh(3 * part / (part.std(axis=(1, 2), keepdims=True) + 1e-9)) for part in lines]
    return np.maximum(*tracks) + 0.2 * noise  # board: conducting tracks, upright and level


def print_marks(samples: SurfaceSamples, x: np.ndarray, y: np.ndarray, visible: float) -> np.ndarray:
    """A block of printed marks, (B, S, S), 0 where there is no ink; some marks are missing where the label says so."""
    own = samples.per_image
    tilt = 0.5 * (uniform_number(own, 8) - 0.5)
    dx = x - 0.3 - 0.4 * uniform_number(own, 9)  # from the middle of the block
    dy = y - 0.3 - 0.4 * uniform_number(own, 10)
    across = (dx * np.cos(tilt) + dy * np.sin(tilt)) / 0.13 + PRINT_COLUMNS / 2  # (B, S, S), in marks
    down = (dy * np.cos(tilt) - dx * np.sin(tilt)) / 0.13 + PRINT_ROWS / 2
    place = np.floor(down).astype(int), np.floor(across).astype(int)
    inside = (place[0] >= 0) & (place[0] < PRINT_ROWS) & (place[1] >= 0) & (place[1] < PRINT_COLUMNS)
    off = np.maximum(np.abs(across - np.floor(across) - 0.5), np.abs(down - np.floor(down) - 0.5))
    ink = inside / (1 + np.exp(40 * (off - 0.32)))  # a soft square in each cell
    numbers = own[:, 20 : 20 + PRINT_ROWS * PRINT_COLUMNS].reshape(-1, PRINT_ROWS, PRINT_COLUMNS)
    gone = numbers < 0.25 + 0.1 * uniform_number(own, 11)
    gone[:, 1, 2] = True  # at least one
    gone &= (samples.labels == CLASSES.index("missing_print"))[:, None, None]
    row, col = (np.clip(p, 0, most - 1) for p, most in zip(place, (PRINT_ROWS, PRINT_COLUMNS), strict=True))
    ink *= 1 - np.float32(min(0.9 * visible, 1)) * gone[np.arange(len(own))[:, None, None], row, col]
    u, v = frequencies(x.shape[0])
    wear = filter_frequencies(samples.white_noise[:, 1], np.exp(-(u * u + v * v) / 18))
    wear /= wear.std(axis=(1, 2), keepdims=True)
    return -(0.2 + 0.12 * uniform_number(samples.per_lot, 4)) * ink * np.clip(0.85 + 0.15 * wear, 0.4, 1)


def scratch(own: np.ndarray, noise: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A thin, slightly bent line, (B, S, S), brighter or darker than the surface."""
    angle = np.pi * uniform_number(own, 40)
    dx, dy = x - 0.2 - 0.6 * uniform_number(own, 41), y - 0.2 - 0.6 * uniform_number(own, 42)
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    across = across + 1.2 * (uniform_number(own, 43) - 0.5) * along**2
    half, width = 0.15 + 0.2 * uniform_number(own, 44), 0.007 + 0.007 * uniform_number(own, 45)
    ends = 1 / (1 + np.exp((np.abs(along) - half) / 0.02))
    return signed_strength(own, 46, 0.25, 0.25) * ends * np.exp(-0.5 * (across / width) ** 2)


def pit(own: np.ndarray, noise: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """One to three small holes, (B, S, S): dark, with a bright rim on the side away from the light."""
    drawn = np.zeros((len(own), *x.shape), np.float32)
    for k in range(MAX_PITS):
        there = 1 if k == 0 else uniform_number(own, 40 + 5 * k) < 0.5
        dx, dy = x - 0.08 - 0.84 * uniform_number(own, 41 + 5 * k), y - 0.08 - 0.84 * uniform_number(own, 42 + 5 * k)
        radius = 0.02 + 0.015 * uniform_number(own, 43 + 5 * k)
        core, rim = (np.exp(-0.5 * ((dx + s) ** 2 + (dy - s) ** 2) / radius**2) for s in (0, radius))
        drawn += there * (0.45 + 0.3 * uniform_number(own, 44 + 5 * k)) * (0.6 * rim - core)
    return drawn


def stain(own: np.ndarray, noise: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A flat patch with a ragged edge, (B, S, S), a little darker or brighter than the surface."""
    dx, dy = x - 0.2 - 0.6 * uniform_number(own, 41), y - 0.2 - 0.6 * uniform_number(own, 42)
    u, v = frequencies(x.shape[0])
    ragged = filter_frequencies(noise, np.exp(-(u * u + v * v) / 50))
    ragged /= ragged.std(axis=(1, 2), keepdims=True)
    radius, long = 0.1 + 0.09 * uniform_number(own, 43), 0.7 + 0.6 * uniform_number(own, 44)
    distance = np.sqrt((dx * long) ** 2 + (dy / long) ** 2) / radius
    return signed_strength(own, 46, 0.12, 0.1) / (1 + np.exp(8 * (distance - 1 + 0.2 * ragged)))


def signed_strength(own: np.ndarray, place: int, least: float, more: float) -> np.ndarray:
    """A strength of `least` to `least + more`, (B, 1, 1), below or above 0 at random."""
    sign = np.where(uniform_number(own, place) < 0.5, -1, 1).astype(np.float32)
    return sign * (least + more * uniform_number(own, place + 1))


def uniform_number(numbers: np.ndarray, place: int) -> np.ndarray:
    """One uniform number per image, (B, 1, 1)."""
    return numbers[:, place, None, None]


def frequencies(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cycles per picture across and down of the real Fourier transform, broadcasting to (S, S // 2 + 1)."""
    across, down = (make(size, 1 / size).astype(np.float32) for make in (np.fft.rfftfreq, np.fft.fftfreq))
    return across[None, :], down[:, None]


def filter_frequencies(pictures: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Pictures (B, S, S) with each frequency times its gain; edges wrap around."""
    return np.fft.irfft2(np.fft.rfft2(pictures) * gain, s=pictures.shape[1:]).astype(np.float32)
