"""Alembic's entry: runs the migrations on the connection that :mod:`generation.review.log.database` hands over."""

from alembic import context

from generation.review.log.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
