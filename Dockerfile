# docker build -t kogen .                              CPU
# docker build -t kogen --build-arg TORCH=cu128 .      CUDA 12.8; any name of an index of torch's wheels
# docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" -v kogen-cache:/cache kogen pilot imgs/ --labels train.csv
# With CUDA, `docker run --gpus all --shm-size 8g ...`; the driver is the host's.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim

ARG TORCH=cpu
# Of the image, where the tags are not: the context has no .git.
ARG VERSION=0.1.0
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

# torch first, in a layer of its own: it is large and changes seldom.
RUN pip install torch torchvision --index-url "https://download.pytorch.org/whl/${TORCH}"

COPY pyproject.toml README.md LICENSE CHANGELOG.md CITATION.cff /src/
COPY kogen /src/kogen
RUN SETUPTOOLS_SCM_PRETEND_VERSION_FOR_KOGEN="${VERSION}" pip install "/src[formats,onnx,hf]" && rm -rf /src

# Not root. Anybody may run it as himself (--user): what it writes then is his, and the cache takes everyone.
RUN useradd --create-home --uid 1000 kogen && mkdir -m 1777 /cache && mkdir /work && chown kogen /work
ENV KOGEN_CACHE=/cache HOME=/tmp
USER kogen
WORKDIR /work
VOLUME /cache
ENTRYPOINT ["kogen"]
CMD ["--help"]
