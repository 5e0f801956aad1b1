"""What alembic runs for every network function; the revisions themselves lie in `nfs/<function>/migrations`."""
