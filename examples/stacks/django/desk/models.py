from django.db import models


class Organization(models.Model):
    name = models.TextField()


class Project(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    key = models.TextField(unique=True)


class Task(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    project = models.ForeignKey(Project, on_delete=models.CASCADE)
    title = models.TextField()
    import_id = models.TextField(unique=True)
