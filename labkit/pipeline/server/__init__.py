"""The lab as services of a Linux server: ``labkit service``.

- `systemd_services` installs what is in ``files/``, a tree like the server's own: the units with
  their hardening, the settings, and the limits of the logs.
- `systemd_notify` tells systemd that a service is ready.

``deploy/install.sh`` installs the rest: packages, the login, TLS.
"""
