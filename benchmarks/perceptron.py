"""The network that the contenders train: autoproc's, of torch's own layers."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from autoproc.network.sizes import EMBEDDING_SIZE, InputSizes
from autoproc.plan import Task
from autoproc.spec import NetworkSpec


class Perceptron(nn.Module):
    """Embeddings and layers as autoproc has them, with the same starting distributions."""

    def __init__(self, sizes: InputSizes, network: NetworkSpec, dropout: float, n_outputs: int, task: Task) -> None:
        super().__init__()
        self.embedding = nn.Embedding(sum(sizes.vocabularies), EMBEDDING_SIZE) if sizes.vocabularies else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, 0, 0.5)
        hidden = [nn.Linear(*pair) for pair in pairwise([sizes.width, *[network.width] * network.depth])]
        output = nn.Linear(network.width, n_outputs)  # torch's own range is the right one for its weights
        for layer in hidden:
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        for layer in (*hidden, output):
            nn.init.zeros_(layer.bias)
        between = [nn.ReLU(inplace=True), *([nn.Dropout(dropout)] if dropout else [])]
        self.body = nn.Sequential(*(part for layer in hidden for part in (layer, *between)), output)
        self.weights = [layer.weight for layer in (*hidden, output)]
        """Those that the penalties act on."""
        self._flat = task == "binary"

    def forward(self, dense: Tensor, codes: Tensor) -> Tensor:
        """Logits (rows,) or (rows, classes), or standardised values (rows, targets)."""
        inputs = dense if self.embedding is None else torch.cat([dense, self.embedding(codes).flatten(1)], dim=1)
        outputs: Tensor = self.body(inputs)
        return outputs[:, 0] if self._flat else outputs
