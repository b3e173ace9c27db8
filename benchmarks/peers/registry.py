"""The contenders by name. Each is a function of that name, from a job to predictions, in a module of this package."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    module: str
    timed: bool = True
    """Whether it is given a budget. One that is not stops by itself, and is run once for all budgets."""
    apart: bool = False
    """Whether it needs the peers' environment (`make bench-peers`)."""


CONTENDERS: dict[str, Contender] = {
    "dummy": Contender("plain", timed=False),
    "autoproc": Contender("command"),
    "autoproc_all_rows": Contender("command"),
    "naive": Contender("usual_recipe"),
    "sk_mlp": Contender("plain", timed=False),
    "hgb": Contender("plain", timed=False),
    "realmlp_td": Contender("tuned_defaults", timed=False, apart=True),
    "tabm_d": Contender("tuned_defaults", timed=False, apart=True),
    "ag_nn": Contender("automl", apart=True),
    "ag_medium": Contender("automl", apart=True),
    "flaml": Contender("automl", apart=True),
}
