"""What alembic runs for `bring_up_to_date`."""

from alembic import context

from kuzushiji.serving.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
