"""The configuration: its shape, how it is found and read."""

from .file import LoadedConfig as LoadedConfig
from .file import load as load
from .file import parse_toml as parse_toml
from .shape import ChecksConfig as ChecksConfig
from .shape import ColumnConfig as ColumnConfig
from .shape import Config as Config
from .shape import ContractConfig as ContractConfig
from .shape import DataConfig as DataConfig
from .shape import ExemptConfig as ExemptConfig
from .shape import ForeignKeyConfig as ForeignKeyConfig
from .shape import FunctionConfig as FunctionConfig
from .shape import LevelConfig as LevelConfig
from .shape import MigrationsConfig as MigrationsConfig
from .shape import NullMeansConfig as NullMeansConfig
from .shape import PolicyConfig as PolicyConfig
from .shape import ProveConfig as ProveConfig
from .shape import ReportConfig as ReportConfig
from .shape import SequenceConfig as SequenceConfig
from .shape import SqlCheckConfig as SqlCheckConfig
from .shape import SuppressConfig as SuppressConfig
from .shape import TableConfig as TableConfig
from .shape import TenancyConfig as TenancyConfig
from .shape import ThreatConfig as ThreatConfig
from .shape import TriggerConfig as TriggerConfig
from .shape import TrustedConfig as TrustedConfig
from .shape import UniqueConfig as UniqueConfig
