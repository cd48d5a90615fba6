# irnn on the CPU: trains by default, and serves the notebook.
#
#   docker build -t irnn .
#   docker run --rm --init -v irnn-runs:/home/irnn/runs irnn                   the default run
#   docker run --rm --init -p 127.0.0.1:8888:8888 irnn notebook                JupyterLab on port 8888
#
# The rest is in docs/docker.md.

FROM python:3.11.14-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++=4:12.2.0-3 \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/irnn
ENV PATH=/opt/irnn/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src

# PyTorch without CUDA, from PyTorch's own index. It changes least and weighs most: the first layer.
# That index has only some releases of what torch needs, so those come with the rest, from the usual one.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY constraints.txt ./
RUN pip install --no-deps --constraint constraints.txt --index-url "$TORCH_INDEX" torch

# What the project needs, by its own list; a change of the code comes after and reinstalls none of it.
# The constraints stand in a variable so that they also reach the environments in which pip builds packages.
ARG PIP_INDEX_URL
ENV PIP_CONSTRAINT="/src/constraints.txt /src/locked.txt"
COPY pyproject.toml docker/requirements.py docker/locked.txt ./
RUN python requirements.py report notebook > requirements.txt \
    && pip install --requirement requirements.txt

COPY setup.py MANIFEST.in README.md LICENSE ./
COPY conf conf
COPY src src
RUN pip install --no-deps . \
    && python -c "from irnn.kernels import native; assert native.is_available(), native.why_unavailable()"

FROM python:3.11.14-slim-bookworm
RUN useradd --create-home --uid 1000 irnn
COPY --from=build /opt/irnn /opt/irnn
COPY docker/entrypoint.sh /usr/local/bin/irnn-entrypoint
COPY --chown=1000 notebooks /home/irnn/notebooks
COPY --chown=1000 docs/records /home/irnn/docs/records
ENV PATH=/opt/irnn/bin:$PATH PYTHONUNBUFFERED=1
USER 1000
WORKDIR /home/irnn
RUN mkdir runs
VOLUME /home/irnn/runs
EXPOSE 8888
ENTRYPOINT ["irnn-entrypoint"]
CMD ["irnn-train"]
