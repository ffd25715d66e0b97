# The package on CPUs:
#   docker build -t disentanglement-bench .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" disentanglement-bench run study=quick
# and on NVIDIA GPUs, whose driver and container toolkit the host has:
#   docker build --build-arg DEVICE=gpu -t disentanglement-bench:gpu .
#   docker run --rm --gpus all --user "$(id -u):$(id -g)" -v "$PWD:/data" disentanglement-bench:gpu run study=full
# Results and data sets are in the folder that is mounted: results/ and data/.
ARG DEVICE=cpu

FROM python:3.13-slim AS wheel
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel . && cp constraints.txt /wheel

# PyTorch without CUDA
FROM python:3.13-slim AS cpu
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu

# CUDA comes with PyTorch; Triton compiles the launchers of its kernels with gcc
FROM python:3.13-slim AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*

FROM ${DEVICE}
RUN --mount=from=wheel,source=/wheel,target=/wheel \
    pip install --no-cache-dir -c /wheel/constraints.txt /wheel/*.whl
# any user may run it: caches of matplotlib, numba and Triton lie in the home folder
ENV HOME=/tmp BENCH_DATA=/data/downloads
RUN install -d -o 1000 -g 1000 /data
WORKDIR /data
USER 1000:1000
ENTRYPOINT ["disentanglement-bench"]
CMD ["help"]
