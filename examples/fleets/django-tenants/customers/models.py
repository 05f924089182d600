from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Client(TenantMixin):
    """A tenant: the column schema_name, which TenantMixin brings, holds the name of its schema."""

    name = models.CharField(max_length=100)
    auto_create_schema = True


class Domain(DomainMixin):
    """The host names by which a request finds its tenant."""
