"""The pattern of Django with Celery: a view verifies, saves a row, queues a task and answers; a worker takes the task.

gunicorn serves `receiver:application`, `celery -A receiver` works. The task marks its row, which is the least it could do.
Reads SECRET, REDIS_URL and DATABASE (a file of SQLite). `GET /stored` tells how many rows there are.
"""

import hashlib
import hmac
import os

import django
from celery import Celery
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import IntegrityError, connection, models
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

SECRET = os.environ["SECRET"].encode()

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for measurements",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["DATABASE"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
                "timeout": 30,
                "transaction_mode": "IMMEDIATE",
            },
        }
    },
)
django.setup()

tasks = Celery("receiver", broker=os.environ["REDIS_URL"])
tasks.conf.update(task_acks_late=True, task_ignore_result=True, broker_connection_retry_on_startup=True)


class Event(models.Model):
    delivery = models.CharField(max_length=64, unique=True)
    body = models.BinaryField()
    is_done = models.BooleanField(default=False)

    class Meta:
        app_label = "receiver"


@tasks.task(name="handle")
def handle(key):
    Event.objects.filter(pk=key).update(is_done=True)


@csrf_exempt
@require_POST
def receive(request):
    expected = "sha256=" + hmac.new(SECRET, request.body, hashlib.sha256).hexdigest()
    sent = request.headers.get("X-Hub-Signature-256", "")
    if not hmac.compare_digest(sent.encode(), expected.encode()):
        return HttpResponse(status=401)
    try:
        event = Event.objects.create(delivery=request.headers["X-GitHub-Delivery"], body=request.body)
    except IntegrityError:
        return HttpResponse()
    handle.delay(event.pk)
    return HttpResponse()


@require_GET
def stored(_request):
    return HttpResponse(str(Event.objects.count()), content_type="text/plain")


urlpatterns = [path("bench/hmac", receive), path("stored", stored)]
application = get_wsgi_application()


def create_tables():
    with connection.schema_editor() as editor:
        editor.create_model(Event)
