"""The device and the precision of computation."""

import torch

from seqgen.errors import UsageError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def resolve_device(name: str) -> str:
    """Return the device's name, with `auto` resolved to a GPU if there is one.

    CUDA products in float32 get the full precision of a CPU.

    Raises:
        UsageError: the installed torch cannot use the device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, is_available in available.items() if is_available)
    if not available[name]:
        raise UsageError(
            f"--device {name} is not available in the installed torch; use --device cpu, or install a torch that has it"
        )
    if name == "cuda":  # TF32 has a mantissa of 10 bits; cuDNN uses it by default, other products if configured so
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return name


def num_devices(device: str) -> int | None:
    """Return the number of processes on this machine that can have a device of their own; None for any number."""
    return {"cpu": None, "cuda": torch.cuda.device_count()}.get(device, 1)


def resolve_precision(name: str, device: str) -> str:
    """Return the precision's name, with `auto` resolved to bfloat16 if the hardware supports its products."""
    if name != "auto":
        return name
    return "bfloat16" if _multiplies_bfloat16(device) else "float32"


def _multiplies_bfloat16(device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # These functions are private, but there are no public ones. If a torch lacks them, float32 works as well.
    checks = [getattr(torch.cpu, check, None) for check in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")]
    return device == "cpu" and any(bool(check()) for check in checks if check is not None)
