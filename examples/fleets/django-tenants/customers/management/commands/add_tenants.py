from customers.models import Client
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Add tenants: each gets a row in the tenants' table and a schema of its name."

    def add_arguments(self, parser):
        parser.add_argument("schemas", nargs="+")

    def handle(self, *, schemas, **_):
        for name in schemas:
            Client.objects.create(schema_name=name, name=name)
