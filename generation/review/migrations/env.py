"""Alembic's entry: runs the migrations on the connection that :mod:`generation.review.database` hands over."""

from alembic import context

from generation.review.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
