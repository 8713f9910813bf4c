#!/usr/bin/env bash
# Redis, a Celery worker and gunicorn, in one process group. Reads PORT, SECRET and FOLDER; $1 is Python's bin folder.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$1
export DATABASE=$FOLDER/events.sqlite3 REDIS_URL=redis+socket://$FOLDER/redis.sock PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1
redis-server --port 0 --unixsocket "$FOLDER/redis.sock" --dir "$FOLDER" --save '' --appendonly no &
"$bin/python" -c 'import receiver; receiver.create_tables()'
"$bin/celery" --app receiver worker --concurrency 2 --loglevel ERROR --without-gossip --without-mingle &
exec "$bin/gunicorn" receiver:application --bind "127.0.0.1:$PORT" --workers 2 --threads 4 --log-level error
