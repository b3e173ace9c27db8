"""Memory of the device that trains: a GPU's own, or else the machine's."""

import torch

from autoproc.machine import peak_memory, total_memory, used_memory


def total(device: torch.device) -> int:
    """Bytes that there are."""
    return torch.cuda.mem_get_info(device)[1] if device.type == "cuda" else total_memory()


def used(device: torch.device) -> int:
    """Bytes that are taken now: of a GPU by everyone, of the machine's memory by this process."""
    if device.type == "cuda":
        free, there_is = torch.cuda.mem_get_info(device)
        return there_is - free
    return used_memory()


def peak(device: torch.device) -> int:
    """The most bytes that this process has taken."""
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else peak_memory()
