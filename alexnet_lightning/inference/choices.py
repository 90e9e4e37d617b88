"""What is chosen before torch is imported: the run and its checkpoint, the device, the format."""

from pathlib import Path
from typing import Literal, NamedTuple

from alexnet_lightning.training.run_folder import RunFolder

Device = Literal["auto", "cpu", "cuda"]
Format = Literal["onnx", "pt2", "safetensors", "torchvision"]
# The suffix by which torch and other programs recognize a format.
SUFFIX: dict[Format, str] = {
    "onnx": ".onnx",
    "pt2": ".pt2",
    "safetensors": ".safetensors",
    "torchvision": ".pth",
}
GRAPHS = ("onnx", "pt2")  # contain the computation; the others only the weights


class Source(NamedTuple):
    """The checkpoint file of a trained network, and its run folder."""

    run: RunFolder
    checkpoint: Path

    @classmethod
    def find(cls, run: str | Path, which: str | Path = "best") -> "Source":
        """Return the checkpoint that a caller names.

        Args:
            run: a run, see `RunFolder.find`, or a checkpoint file.
            which: "best", "last" or the path of a checkpoint; ignored if `run` is a file.

        Raises:
            UserError: there is no such run or checkpoint.
        """
        path = Path(run)
        if path.is_file():
            return cls(RunFolder(path.parent.parent), path)
        folder = RunFolder.find(run)
        return cls(folder, folder.checkpoint(str(which)))
