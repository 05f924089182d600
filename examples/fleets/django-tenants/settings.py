import os
from urllib.parse import parse_qsl, unquote, urlsplit

url = urlsplit(os.environ["DATABASE_URL"])
SECRET_KEY = "for the example alone"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": unquote(url.path[1:]),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "",
        "PORT": url.port or "",
        "OPTIONS": dict(parse_qsl(url.query)),
    }
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]

# The tables of SHARED_APPS stand in the schema public, once; those of TENANT_APPS in the schema of each tenant.
SHARED_APPS = ["django_tenants", "customers"]
TENANT_APPS = ["django.contrib.contenttypes", "shop"]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
TENANT_MODEL = "customers.Client"
TENANT_DOMAIN_MODEL = "customers.Domain"
