"""What a pool answers, as pool.json holds it: which method, how sure, at a new site how likely, what was comparable."""

from dataclasses import dataclass, field

from kogen.common.metric_facts import MetricFacts
from kogen.results.pooling.comparable import Aspect


@dataclass(frozen=True)
class PooledPair:
    """Two methods over sites; values in the metric's unit, first minus second, first the better one on average."""

    first: str
    second: str
    sites: int
    ahead_at: int  # sites where first is ahead as observed
    mean: float
    lo: float
    hi: float  # 95 %
    p: float
    p_family: float  # Holm, over all pairs of the pool
    verdict: str  # better | equivalent | undecided
    tau: float  # sd between sites
    i2: float
    next_lo: float
    next_hi: float
    ahead: float  # probability that first is ahead at a new site
    needed: int | None  # sites that would decide


@dataclass(frozen=True)
class SiteLottery:
    """How often a lead at one site is a lead at another, over all ordered pairs of sites."""

    leads: int  # leads of one method over another that were looked up at another site
    held: float  # share of them; ties count half
    floor: float | None  # share expected if all sites ordered the methods alike and only the images were drawn
    leader_holds: float | None  # share of other sites at which a site's best method is the best too


@dataclass(frozen=True)
class SiteBet:
    """The method that is safest over sites."""

    model: str
    expected: float  # mean over sites
    max_regret: float
    worst_site: str


@dataclass(frozen=True)
class SiteFacts:
    """A site of the pool."""

    name: str
    studies: tuple[str, ...]
    images: int
    classes: int
    models: tuple[str, ...]
    left_out: tuple[str, ...]  # models that only their team knows
    seeds: int  # fewest of a method that is trained


@dataclass(frozen=True)
class PooledJudgement:
    """What pool.json holds."""

    format: int
    kogen: str
    metric: MetricFacts
    protocol: str
    margin: float
    task: str
    sites: tuple[SiteFacts, ...]
    aspects: tuple[Aspect, ...]
    generalises: bool  # whether there are sites enough to say anything of another one
    leader: str | None  # the best on average of the methods of all sites
    proven: bool  # whether it is better than each other one
    pairs: tuple[PooledPair, ...] = ()
    lottery: SiteLottery | None = None
    bets: tuple[SiteBet, ...] = ()  # the best on average, then the one that loses least
    everywhere: tuple[str, ...] = ()  # methods that were measured at every site
    notes: tuple[str, ...] = field(default=())  # keys of words.toml: what was chosen, and why
