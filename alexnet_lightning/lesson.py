"""Write a lesson as a web page: a network to try, and what each idea was worth."""

from collections.abc import Sequence
from pathlib import Path

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.inference.choices import Source
from alexnet_lightning.system import progress
from alexnet_lightning.system.atomic import check_new, check_writable, new_folder
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import reason
from alexnet_lightning.training.run_folder import note

CLAIMS = Path("docs/claims.md")
EXAMPLES = """
python -m alexnet_lightning.lesson results/ladder --network latest --output site
python -m alexnet_lightning.lesson results/ladder results/residual --network RUN_DIR --output site
"""


def lesson(
    results: Sequence[Path],
    *,
    network: str | Path,
    output: Path,
    checkpoint: str = "best",
    claims: Path | None = None,
    samples: bool = True,
    runtime: Path | None = None,
) -> Path:
    """Write a page to learn from, as a folder that works without a server and without internet.

    A network that runs in the page shows its classes, feature maps and Grad-CAM of an image that a
    reader drops there. A ladder, whose study asks what each variant adds to the one before it,
    becomes a slider; standard deviations of activations become an animation. The answers of all
    studies and the claims of the sources are there with intervals and numbers of seeds.

    Args:
        results: folders of studies that report has written, as results/ladder
        network: run folder of an AlexNetModern or Airbench94, the name of a config (its newest
            run), latest, a folder of export --format hub, or a checkpoint file
        output: folder to write, a new one
        checkpoint: best, last, or the path of a checkpoint
        claims: page of claims in Markdown; by default docs/claims.md where that is there
        samples: put a test image of each class, up to ten, of the network's data set into the page
        runtime: package file of ONNX Runtime for browsers, as npm pack makes it; by default it is
            downloaded once, 33 MB

    Returns:
        The path of index.html.

    Raises:
        UserError: a folder holds no study, the page cannot show the network, the runtime cannot be
            had, or the folder is there already.
    """
    check_new(output)
    check_writable("--output", output / "index.html")
    text = read_claims(claims)
    source = Source.find(network, checkpoint)
    from alexnet_lightning.explanations.lesson.evidence import Found
    from alexnet_lightning.explanations.lesson.runtime import read_runtime
    from alexnet_lightning.explanations.lesson.site import Samples, write_site
    from alexnet_lightning.inference.predictor import Predictor

    studies = [Found.read(Path(folder)) for folder in results]
    predictor = Predictor.load(source)
    files = read_runtime(runtime)
    with progress.told(f"writing {output}"), new_folder(output) as part:
        shown = Samples.of(source, predictor) if samples else Samples()
        write_site(part, predictor, source, shown, studies, text, files)
    return output / "index.html"


def read_claims(path: Path | None) -> str:
    """Return the page of claims; "" if none is given and there is none in its usual place."""
    if path is None and not CLAIMS.is_file():
        note(f"no {CLAIMS} here: the page has no claims; give them with --claims FILE")
        return ""
    try:
        return (path or CLAIMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--claims: cannot read {path or CLAIMS}: {reason(error)}") from None


def main(args: Sequence[str]) -> None:
    """Write the lesson; print the path of its page."""
    print(lesson(**arguments("lesson", args, lesson, examples=EXAMPLES)))


if __name__ == "__main__":
    run_command(main)
