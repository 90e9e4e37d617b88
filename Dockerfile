# docker build -t alexnet_lightning . && docker run --rm -v "$PWD/runs:/app/runs" alexnet_lightning
# One experiment: … -v "$PWD/data:/app/data" alexnet_lightning python -m alexnet_lightning.fit --config configs/cifar_bn.yaml
FROM python:3.11-slim
WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
# setuptools comes from the lock, too.
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e .
CMD ["python", "-m", "alexnet_lightning.fit", "--config", "configs/digits_bn.yaml"]
