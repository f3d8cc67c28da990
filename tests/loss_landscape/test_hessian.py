"""Hessian products, ends of the spectrum, trace and sharpness, against finite differences and dense twins."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.func import functional_call

from kogen.loss_landscape.hessian import FlatLoss, Hessian
from kogen.loss_landscape.lanczos import lanczos
from kogen.loss_landscape.sharpness import noise_sharpness, sam_sharpness, trace


def luck(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Dense:
    """A matrix as a map that counts its products."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix, self.size, self.dtype, self.device = matrix, len(matrix), matrix.dtype, matrix.device
        self.count = 0

    def __call__(self, vector: Tensor) -> Tensor:
        self.count += 1
        return self.matrix @ vector


def symmetric(size: int, seed: int = 0) -> Tensor:
    matrix = torch.randn(size, size, generator=luck(seed), dtype=torch.float64)
    return (matrix + matrix.T) / 2


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 3))


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )


def vit() -> nn.Module:
    return VisionTransformer(img_size=16, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=3)


def resnet() -> nn.Module:
    channels = (8, 8, 16, 16)
    return ResNet(BasicBlock, (1, 1, 1, 1), num_classes=3, channels=channels, stem_width=8, act_layer=nn.SiLU)


IMAGES = {"convolutions": (3, 6, 6), "vit": (3, 16, 16), "resnet": (3, 32, 32)}
NETS = {"mlp": mlp, "convolutions": convolutions, "vit": vit, "resnet": resnet}


def made(name: str, count: int = 8, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, Tensor, Tensor]:
    """A network off its initial values, BatchNorm's statistics included, with images and labels."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = NETS[name]().to(dtype).eval()
        images = torch.randn(count, *IMAGES.get(name, (5,)), dtype=dtype)
        labels = torch.randint(0, 3, (count,))
        for tensor in [*net.parameters(), *net.buffers()]:
            if tensor.is_floating_point():
                tensor.data += 0.1 * torch.rand_like(tensor)
    return net, images, labels


def loss_of(net: nn.Module, images: Tensor, labels: Tensor):
    return lambda params: F.cross_entropy(functional_call(net, params, (images,)), labels)


def gradient(loss, objective: FlatLoss, flat: Tensor) -> Tensor:
    flat = flat.clone().requires_grad_()
    return torch.autograd.grad(loss(objective.unflatten(flat)), flat)[0]


def dense_twin(loss, objective: FlatLoss) -> Tensor:
    """The Hessian column by column, by central differences of gradients."""
    step, at, columns = 1e-4, objective.origin, []
    for unit in torch.eye(objective.size, dtype=torch.float64):
        ahead, behind = (gradient(loss, objective, at + sign * step * unit) for sign in (1, -1))
        columns.append((ahead - behind) / (2 * step))
    return torch.stack(columns, 1)


@pytest.mark.parametrize("name", NETS)
def test_products_are_symmetric_and_equal_finite_differences(name):
    net, images, labels = made(name)
    loss = loss_of(net, images, labels)
    hessian = Hessian(loss, dict(net.named_parameters()))
    first, second = torch.randn(2, hessian.size, generator=luck(), dtype=torch.float64)
    first, second = first / first.norm(), second / second.norm()
    image = hessian(first)
    assert abs(second @ image - first @ hessian(second)) < 1e-12 * image.norm()
    step, at = 1e-4, hessian.objective.origin
    ahead, behind = (gradient(loss, hessian.objective, at + sign * step * first) for sign in (1, -1))
    assert (image - (ahead - behind) / (2 * step)).norm() < 1e-6 * image.norm()
    assert hessian.value == pytest.approx(loss(dict(net.named_parameters())).item(), rel=1e-12)
    torch.testing.assert_close(hessian.gradient, gradient(loss, hessian.objective, at))


def test_eigenvalues_of_a_small_net_equal_a_dense_hessian():
    net, images, labels = made("mlp")
    loss, params = loss_of(net, images, labels), dict(net.named_parameters())
    hessian = Hessian(loss, params)
    wanted = torch.linalg.eigvalsh(dense_twin(loss, hessian.objective))
    found = lanczos(hessian, luck(), smallest=2, largest=3, tolerance=1e-6)
    assert found.converged
    torch.testing.assert_close(found.values, torch.cat([wanted[:2], wanted[-3:]]), rtol=1e-4, atol=1e-7)
    for value, vector, residual in zip(found.values, found.vectors, found.residuals, strict=True):
        assert (hessian(vector) - value * vector).norm().item() == pytest.approx(residual.item(), abs=1e-12)


@pytest.mark.parametrize("size", [8, 3, 1])
def test_nothing_depends_on_the_batch_size(size):
    net, images, labels = made("vit")
    params = dict(net.named_parameters())
    parts = zip(images.split(size), labels.split(size), strict=True)
    batches = [(len(x), loss_of(net, x, y)) for x, y in parts]
    whole, divided = Hessian(loss_of(net, images, labels), params), Hessian(batches, params)
    vector = torch.randn(whole.size, generator=luck(), dtype=torch.float64)
    torch.testing.assert_close(divided(vector), whole(vector))
    torch.testing.assert_close(divided.gradient, whole.gradient)
    assert divided.value == pytest.approx(whole.value, rel=1e-12)


def test_the_model_and_the_caller_are_untouched():
    net, images, labels = made("resnet", count=4, dtype=torch.float32)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    asks, state = [p.requires_grad for p in net.parameters()], torch.get_rng_state()
    loss, params = loss_of(net, images, labels), dict(net.named_parameters())
    lanczos(Hessian(loss, params), luck(), limit=4)
    noise_sharpness(loss, params, luck(), sigma=0.01, draws=2)
    sam_sharpness(loss, params, luck(), rho=0.05)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert asks == [p.requires_grad for p in net.parameters()]
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_caller_may_have_gradients_off(mode):
    net, images, labels = made("vit", dtype=torch.float32)
    loss, params = loss_of(net, images, labels), dict(net.named_parameters())
    wanted = lanczos(Hessian(loss, params), luck(), limit=6)
    with mode():
        found = lanczos(Hessian(loss, {name: tensor.clone() for name, tensor in params.items()}), luck(), limit=6)
        rise = sam_sharpness(loss, params, luck(), rho=0.05)
    assert torch.equal(found.values, wanted.values)
    assert rise > 0


class Diagonal:
    """The map whose eigenvalues are these."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values, self.size, self.dtype, self.device = values, len(values), values.dtype, values.device

    def __call__(self, vector: torch.Tensor) -> torch.Tensor:
        return self.values * vector


@given(size=st.integers(1, 40), seed=st.integers(0, 1000), smallest=st.integers(0, 3), largest=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_lanczos_finds_the_ends_of_any_matrix(size, seed, smallest, largest):
    if not 0 < smallest + largest <= size:
        return
    matrix = symmetric(size, seed)
    found = lanczos(Dense(matrix), luck(seed), smallest=smallest, largest=largest, tolerance=1e-7, memory=20)
    wanted = torch.linalg.eigvalsh(matrix)
    wanted = torch.cat([wanted[:smallest], wanted[size - largest :]])
    torch.testing.assert_close(found.values, wanted, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.vectors @ found.vectors.T, torch.eye(smallest + largest).double())


@pytest.mark.parametrize("start", [None, 3])
@pytest.mark.parametrize(
    "diagonal", [[0.0] * 9, [2.0] * 9, [5.0, 5, 1, 1, 1, 1, -3, -3], [-4.0, -3, -2, -1.5, -1], [1e-9, 0, 0, 3e-9]]
)
def test_closed_spaces_and_repeated_values(diagonal, start):
    matrix = torch.tensor(diagonal).diag()
    warm = None if start is None else torch.eye(len(matrix))[start : start + 1]  # an eigenvector that is no end
    found = lanczos(Dense(matrix), luck(), smallest=2, largest=2, start=warm)
    wanted = matrix.diag().sort().values.double()
    torch.testing.assert_close(found.values, wanted[[0, 1, -2, -1]], rtol=1e-5, atol=1e-12)
    assert found.converged


def test_it_stops_by_its_residuals_counts_its_products_and_says_when_it_did_not():
    matrix = symmetric(400)
    loose, fine = (Dense(matrix) for _ in range(2))
    first, second = lanczos(loose, luck(), tolerance=1e-2), lanczos(fine, luck(), tolerance=1e-6)
    assert (first.products, second.products) == (loose.count, fine.count)
    assert first.products < second.products
    for found, tolerance in ((first, 1e-2), (second, 1e-6)):
        true = (matrix @ found.vectors.T - found.vectors.T * found.values).norm(dim=0)
        torch.testing.assert_close(true, found.residuals, rtol=1e-3, atol=1e-9)
        assert (true <= tolerance * found.values.abs() * 1.001).all()
    short = lanczos(Dense(matrix), luck(), limit=5)
    assert not short.converged
    assert short.products == 5
    assert (short.residuals > 1e-3 * short.values.abs()).any()


@pytest.mark.parametrize("start", [None, 0])
def test_a_lone_outlier_is_found_in_a_flat_spectrum_from_every_start(start: int | None):
    """A random start holds 0.003 of each outlier: after two products the residual of 0 already looks small."""
    spectrum = torch.zeros(100_000, dtype=torch.float64)
    spectrum[0], spectrum[1] = 100, -3
    warm = None if start is None else torch.eye(1, len(spectrum), dtype=torch.float64)  # the neighbour knew one end
    for seed in range(30):
        found = lanczos(Diagonal(spectrum), luck(seed), start=warm)
        assert found.converged
        assert found.values.tolist() == pytest.approx([-3, 100], rel=1e-3)


def test_a_warm_start_takes_fewer_products():
    matrix = symmetric(400)
    cold = lanczos(Dense(matrix), luck(), smallest=2, largest=2)
    warm = lanczos(Dense(matrix + 1e-3 * symmetric(400, 1)), luck(1), smallest=2, largest=2, start=cold.vectors)
    assert warm.products < 0.7 * cold.products


def test_the_same_generator_gives_the_same_bits():
    matrix = symmetric(100).float()
    first, second, other = (lanczos(Dense(matrix), luck(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.vectors, second.vectors)
    assert not torch.equal(first.vectors, other.vectors)


def test_a_warm_start_finds_what_a_cold_one_does():
    net, images, labels = made("mlp")
    loss, params = loss_of(net, images, labels), dict(net.named_parameters())
    aside = {name: torch.randn(p.shape, generator=luck(1), dtype=p.dtype) for name, p in params.items()}
    points = [{name: p + 0.02 * i * aside[name] for name, p in params.items()} for i in range(4)]
    start = None
    for point in points:
        found = lanczos(Hessian(loss, point), luck(), tolerance=1e-6, start=start)
        alone = lanczos(Hessian(loss, point), luck(5), tolerance=1e-6)
        torch.testing.assert_close(found.values, alone.values, rtol=1e-6, atol=1e-8)
        start = found.vectors


def test_the_error_of_the_trace_is_that_of_the_dense_trace():
    net, images, labels = made("mlp")
    loss, params = loss_of(net, images, labels), dict(net.named_parameters())
    hessian = Hessian(loss, params)
    wanted = dense_twin(loss, hessian.objective).trace().item()
    found = trace(hessian, luck(), 256)
    assert abs(found.value - wanted) < 2 * found.error
    matrix, hits = symmetric(60) / 8 + torch.eye(60).double(), 0
    for seed in range(200):
        found = trace(Dense(matrix), luck(seed), 16)
        hits += abs(found.value - matrix.trace().item()) < student.isf(0.025, 15) * found.error
    assert hits >= 185  # 190 wanted, or more: below 185 lies one fair rule in twenty
    assert trace(Dense(torch.zeros(5, 5)), luck(), 16).value == 0
    assert trace(Dense(torch.arange(5.0).diag()), luck(), 16).error == 0  # signs see a diagonal without error


def bowl(matrix: Tensor):
    return lambda params: params["w"] @ matrix @ params["w"] / 2


def test_sharpness_of_a_quadratic():
    matrix = torch.diag(torch.tensor([5.0, 3, 1, -2, -9])).double()
    zero, one = {"w": torch.zeros(5).double()}, {"w": torch.ones(5).double()}
    top = sam_sharpness(bowl(matrix.abs()), zero, luck(), rho=0.1)
    assert 0.1**2 / 2 < top < 9 * 0.1**2 / 2  # from a gradient of zero, along a random direction
    ascent = matrix.diag() / matrix.diag().norm() * 0.1
    wanted = ((1 + ascent) @ matrix @ (1 + ascent) - matrix.sum()) / 2
    assert sam_sharpness(bowl(matrix), one, luck(), rho=0.1) == pytest.approx(wanted.item(), rel=1e-12)
    assert sam_sharpness(bowl(-matrix.abs()), zero, luck(), rho=0.1) == 0  # a top: nothing rises
    noise = noise_sharpness(bowl(matrix), {"w": torch.arange(5.0).double()}, luck(), sigma=0.1, draws=400)
    wanted = (matrix.diag() * torch.arange(5.0) ** 2).sum().item() * 0.1**2 / 2
    assert abs(noise.value - wanted) < 2 * noise.error < 0.3 * abs(wanted)


def test_adaptive_sharpness_does_not_see_a_rescaled_relu_network():
    x, y = torch.randn(16, 4, generator=luck(), dtype=torch.float64), torch.arange(16) % 3
    first, second = (torch.randn(shape, generator=luck(1), dtype=torch.float64) for shape in ((8, 4), (3, 8)))

    def loss(params):
        return F.cross_entropy((x @ params["first"].T).relu() @ params["second"].T, y)

    plain, scaled = {"first": first, "second": second}, {"first": 10 * first, "second": second / 10}
    for adaptive in (True, False):
        one, other = (sam_sharpness(loss, at, luck(), rho=0.1, adaptive=adaptive) for at in (plain, scaled))
        assert (one == pytest.approx(other, rel=1e-9)) == adaptive
    one, other = (noise_sharpness(loss, at, luck(), sigma=0.1, draws=16).value for at in (plain, scaled))
    assert one == pytest.approx(other, rel=1e-9)


def test_negative_constant_and_linear_losses():
    params = {"w": torch.ones(4), "free": torch.ones(2)}
    negative = Hessian(lambda p: -3 - p["w"].square().sum(), params)
    found = lanczos(negative, luck())
    assert found.values.tolist() == pytest.approx([-2, 0], abs=1e-6)
    for flat in (lambda p: torch.tensor(3.0), lambda p: p["w"].sum(), lambda p: p["w"].sum() * 0 - 1):
        hessian = Hessian(flat, params)
        assert lanczos(hessian, luck()).values.tolist() == [0, 0]
        assert trace(hessian, luck(), 16).value == 0
    assert sam_sharpness(lambda p: torch.tensor(3.0), params, luck(), rho=0.1) == 0


def test_losses_that_have_no_curvature_are_refused():
    params = {"w": torch.ones(4)}
    own = nn.Linear(4, 1)
    x = torch.ones(2, 4)
    refused = {
        "the loss is nan here": lambda p: p["w"].sum() * math.nan,
        "the loss is inf here": lambda p: (p["w"].sum() - 4).log().abs(),
        "gradient of the loss is not finite": lambda p: (p["w"] - 1).sum().sqrt(),
        "carries no gradient to the parameters": lambda p: own(x).mean(),
    }
    for words, loss in refused.items():
        with pytest.raises(ValueError, match=words):
            Hessian(loss, params)
    with pytest.raises(ValueError, match="carries no gradient to the parameters"):
        Hessian(lambda p: p["w"].detach().square().sum(), params)
    with pytest.raises(ValueError, match="carries no gradient to the parameters"):
        sam_sharpness(lambda p: p["w"].detach().square().sum(), params, luck(), rho=0.1)
    cusp = Hessian(lambda p: (p["w"] - 1).abs().pow(1.5).sum(), params)  # a gradient of 0, a curvature of infinity
    with pytest.raises(ValueError, match="product with the map is not finite"):
        lanczos(cusp, luck())


def test_more_eigenpairs_than_dimensions_are_refused():
    with pytest.raises(ValueError, match="10 eigenpairs of 9 dimensions do not exist"):
        lanczos(Dense(torch.eye(9)), luck(), smallest=5, largest=5)


def test_what_has_no_hessian_is_refused():
    params = {"w": torch.ones(3)}

    def loss(p):
        return (p["w"] ** 2).sum()

    for weights in ([], [(1, loss), (0, loss)]):
        with pytest.raises(
            ValueError, match=r"the weights of the batches are \[.*\]: each must be its number of images"
        ):
            Hessian(weights, params)
    with pytest.raises(ValueError, match=r"got a vector of shape \(2,\): \(3,\) is wanted"):
        Hessian(loss, params)(torch.ones(2))
    weight = torch.randn(4, 3)
    with pytest.raises(ValueError, match=r"'(there|back)' and '(there|back)' share memory"):
        FlatLoss(lambda p: p["there"].sum(), {"there": weight.T, "back": weight})
    parts = torch.randn(6)
    FlatLoss(lambda p: p["a"].sum(), {"a": parts[:3], "b": parts[3:]})  # beside each other, and no byte in common
