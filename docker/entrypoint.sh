#!/bin/sh
# The image's command: settings train, `notebook` serves JupyterLab, anything else runs as it is.
set -eu
[ $# -gt 0 ] || set -- irnn-train
case "$1" in
    notebook)
        shift
        exec jupyter lab --ip=0.0.0.0 --port=8888 --no-browser --notebook-dir=/home/irnn \
            "$@" notebooks/adding_problem.ipynb ;;
    -* | *=*) exec irnn-train "$@" ;;
    *) exec "$@" ;;
esac
