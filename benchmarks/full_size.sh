#!/usr/bin/env bash
# The check of a GPU, then the studies at full size, in pieces of at most 9 minutes that continue
# each other. Nothing of it has been run on a GPU yet; the rehearsal is a test.
#
#     benchmarks/full_size.sh --out carry               # a piece; exit status 142: give it again
#     benchmarks/full_size.sh --out carry --rehearse    # the same on the CPU, with digits
#
#     --out DIR        folder for what is to be kept: acceptance.json, and of each study the rows,
#                      curves, figures and report.md as they are at the end of the piece, 16 MB at
#                      most
#     --minutes M      length of a piece (default: 9)
#     --jobs N         trainings side by side (default: 1); not measured with more
#     --studies "..."  configurations, in this order (default: what the reports trained, seed by seed;
#                      20 runs of Airbench94; then the other studies of CIFAR-10 with a full size)
#     --runs DIR       folder of the run folders, which the next piece needs (default: runs/full_size)
#
# Relative paths start at the root of the checkout; the data sets are in its data/.
#
# Exit status: 0 all runs are finished, 1 the GPU is wrong or a run failed, 2 a mistake, 142 the
# piece is over.
#
# PYTHON names the interpreter (default: python). The package need not be installed, but what it
# needs must be. A machine without a network needs wheels of what its image lacks, and data/. For an
# image with torch, torchvision, lightning and torchmetrics that is what this fetches elsewhere, with
# the same Python, and the machine then installs with --no-index --find-links wheels (if it lacks
# torchvision, add with --no-deps the version that fits its torch: 0.26 for torch 2.11):
#     pip download --dest wheels "jsonargparse[signatures]>=4.53,<4.54" "wandb>=0.31,<0.32" \
#         scikit-learn matplotlib jinja2 markdown-it-py filelock tqdm
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python}
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}

out="" minutes=9 jobs=1 runs="" studies="" size="--data data" full=--full
names="reports airbench94 normalisation ladder schedules initialisation"
mistake() { echo "error: $1" >&2; exit 2; }
while [ $# -gt 0 ]; do
    case $1 in
        --rehearse)
            size=--rehearse full="" names=smoke
            shift
            continue
            ;;
        --out | --minutes | --jobs | --studies | --runs) ;;
        *) mistake "$1: no such option; the first lines of $0 name them" ;;
    esac
    [ $# -gt 1 ] || mistake "$1: give a value"
    declare "${1#--}=$2"
    shift 2
done
[ -n "$out" ] || mistake "--out: give a folder for what is to be kept"
number='^[0-9]*\.?[0-9]+$'
[[ $minutes =~ $number ]] || mistake "--minutes: $minutes: give a number of minutes"
studies=${studies:-$(printf 'configs/studies/%s.yaml ' $names)}
runs=${runs:-runs/$([ -n "$full" ] && echo full_size || echo rehearsal)}
mkdir -p "$out"

# A tenth of the piece is for the last checkpoints and the rows.
end=$(awk "BEGIN {print $SECONDS + int(54 * $minutes)}")
left() { awk "BEGIN {print ($end - $SECONDS) / 60}"; }  # in minutes
over() {
    if [ "$SECONDS" -lt "$end" ]; then return; fi
    echo "the piece of $minutes minutes is over; give the same command again"
    exit 142
}

# Copies the rows of a study's finished runs.
keep() {
    if compgen -G "$1/*/*/summary.json" > /dev/null; then
        "$python" -m alexnet_lightning.report "$1" $full
        mkdir -p "$out/$2"
        cp "$1"/*.csv "$1/report.md" "$1/study.yaml" "$out/$2/"
        if [ -d "$1/figures" ]; then cp -r "$1/figures" "$out/$2/"; fi
    fi
    local kept
    kept=$(du -sk "$out" | cut -f1)
    [ "$kept" -le 16384 ] || mistake "$out has $kept kB, more than 16 MB: move what you have fetched"
}

if [ ! -f "$out/acceptance.json" ]; then
    found=$out/acceptance_failed.json  # until it has passed
    "$python" benchmarks/gpu_acceptance.py $size --minutes "$(left)" --out "$found"
    mv "$found" "$out/acceptance.json"
fi
failed=0
for study in $studies; do
    over
    name=$(basename "$study" .yaml) status=0
    done=$runs/$name/finished
    if [ "$done" -nt "$study" ]; then continue; fi
    "$python" -m alexnet_lightning.study --config "$study" $full --output "$runs/$name" \
        --jobs "$jobs" --minutes "$(left)" || status=$?
    keep "$runs/$name" "$name"
    case $status in
        0) touch "$done" ;;
        1) failed=1 ;;  # its log says why; the others go on
        *) exit $status ;;
    esac
done
[ $failed = 0 ] || exit 1
echo "all runs are finished; their rows are in $out"
