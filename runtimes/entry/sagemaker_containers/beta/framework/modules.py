"""Part of the old toolkit's own server, which is not here. Importing it does no harm; using it is told."""


def __getattr__(name):
    raise AttributeError(f"sagemaker_containers.beta.framework.modules.{name} is not there: this model server is another one than the toolkit's")
