"""What this machine computes with: device and precision."""

import torch

from seqgen.errors import UsageError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def resolve_device(name: str) -> str:
    """Return the device's name with `auto` decided: a GPU where there is one, whose float32 is then that of a CPU.

    Raises:
        UsageError: this torch cannot use the device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, is_there in available.items() if is_there)
    if not available[name]:
        raise UsageError(
            f"--device {name} is not available to this torch; take --device cpu, or install a torch for it"
        )
    if name == "cuda":  # or products of 10 bits: cuDNN takes them by default, the others where the environment says so
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return name


def num_devices(device: str) -> int | None:
    """Return how many processes of this machine can have a device of their own; None is any number."""
    return {"cpu": None, "cuda": torch.cuda.device_count()}.get(device, 1)


def resolve_precision(name: str, device: str) -> str:
    """Return the precision's name with `auto` decided: bfloat16 where the hardware multiplies it."""
    if name != "auto":
        return name
    return "bfloat16" if _multiplies_bfloat16(device) else "float32"


def _multiplies_bfloat16(device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Private, but the only word on it; where a torch lacks them, float32 is right as well.
    checks = [getattr(torch.cpu, check, None) for check in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")]
    return device == "cpu" and any(bool(check()) for check in checks if check is not None)
