"""Mistakes that people make, one at a time, in files that `bbhv init` made, and what they are told.

Each is a change of one line of a template, and the finding about it. A person has read nothing: the fix must be plain
from the finding alone, so each has a hint.
"""

from collections.abc import Mapping

import pytest

from bbhv.cli import shelf
from bbhv.findings import Finding, ordered
from bbhv.formats import jsontext
from bbhv.formats.schema.compiler import compile_schema
from bbhv.host import resources
from bbhv.kinds import elsewhere
from bbhv.kinds.table import KINDS
from bbhv.model.template import fill
from bbhv.model.tenant import read_tenant

METADATA = jsontext.parse("schema", resources.data("schemas/metadata.schema.json"))[0]
Files = dict[str, bytes]
# By template and file: the start of a line (or what is somewhere in one), what somebody writes there, the finding.
MISTAKES: Mapping[tuple[str, str], tuple[tuple[str, str, str], ...]] = {
    ("web-container", "containers/web.nspawn"): (
        ("Image=debian-13", "Imag=debian-13",
         "error[BB202]: There is no key Imag= in section [X-Bitbuilder]. hint: Did you mean Image?"),
        ("Image=debian-13", "",
         "error[BB208]: Image= is missing in section [X-Bitbuilder]. hint: The image to start from: "
         "infrastructure/NAME.image, or one that the host offers."),
        ("Image=debian-13", "Image=docker.io/library/nginx:latest",
         "error[BB205]: Image=: 'docker.io/library/nginx:latest' is a path or an address, but a name "
         "belongs here. hint: The image to start from: infrastructure/NAME.image, or one that the host offers."),
        ("Image=debian-13", "Image=Debian-13",
         "error[BB205]: Image=: 'Debian-13' is not a name. hint: Write debian-13."),
        ("Image=debian-13", "Image=debian-13 # the image",
         "error[BB205]: Image=: 'debian-13 # the image' is not a name. hint: Write debian-13. A comment has "
         "a line of its own."),
        ("Image=debian-13", "image=debian-13",
         "error[BB202]: There is no key image= in section [X-Bitbuilder]. hint: Did you mean Image?"),
        ("Image=debian-13", "Image = debian-13;",
         "error[BB205]: Image=: 'debian-13;' is not a name. hint: Write debian-13."),
        ("Image=debian-13", "Image: debian-13",
         "error[BB102]: Line is neither a section header nor an assignment. hint: Write Image=debian-13."),
        ("Image=debian-13", 'Image="debian-13"',
         'error[BB205]: Image=: \'"debian-13"\' is not a name. hint: Write debian-13.'),
        ("MemoryMax=128M", "MemoryMax=128MB",
         "error[BB205]: MemoryMax=: '128MB' is not an amount of bytes. hint: Write 128M."),
        ("MemoryMax=128M", "MemoryMax=512 MiB",
         "error[BB205]: MemoryMax=: '512 MiB' is not an amount of bytes. hint: Write 512M."),
        ("MemoryMax=128M", "MemoryMax=128m",
         "error[BB205]: MemoryMax=: '128m' is not an amount of bytes. hint: Write 128M."),
        ("MemoryMax=128M", "MemoryMax=0.5GB",
         "error[BB205]: MemoryMax=: '0.5GB' is not an amount of bytes. hint: Write 0.5G."),
        ("MemoryMax=128M", "MemoryMax=128",
         "error[BB205]: MemoryMax=: The amount '128' is less than 1M. hint: A number alone counts bytes. "
         "Write 128M."),
        ("MemoryMax=128M", "MemoryMax=50%",
         "error[BB205]: MemoryMax=: The amount '50%' is relative to the host. hint: Write an absolute "
         "amount, such as 512M."),
        ("MemoryMax=128M", "Memory=128M",
         "error[BB202]: There is no key Memory= in section [X-Bitbuilder]. hint: Write MemoryMax= in "
         "[X-Bitbuilder]."),
        ("MemoryMax=128M", "MemoryLimit=128M",
         "error[BB202]: There is no key MemoryLimit= in section [X-Bitbuilder]. hint: Write MemoryMax= in "
         "[X-Bitbuilder]."),
        ("MemoryMax=128M", "mem_limit=128m",
         "error[BB202]: There is no key mem_limit= in section [X-Bitbuilder]. hint: Write MemoryMax= in "
         "[X-Bitbuilder]."),
        ("CPUQuota=50%", "CPUQuota=0.5",
         "error[BB205]: CPUQuota=: '0.5' is not a percentage. hint: Write a percentage of one CPU, such as "
         "50% or 200%."),
        ("CPUQuota=50%", "CPUs=2",
         "error[BB202]: There is no key CPUs= in section [X-Bitbuilder]. hint: Write CPUQuota= in "
         "[X-Bitbuilder], such as CPUQuota=50%."),
        ("CPUQuota=50%", "CPUQuota=50 %",
         "error[BB205]: CPUQuota=: '50 %' is not a percentage. hint: Write a percentage of one CPU, such as "
         "50% or 200%."),
        ("TasksMax=64", "TasksMax=64k",
         "error[BB205]: TasksMax=: '64k' is not a whole number from 1 to 4194304. hint: The most processes "
         "and threads, such as 512."),
        ("TasksMax=64", "PidsLimit=64",
         "error[BB202]: There is no key PidsLimit= in section [X-Bitbuilder]. hint: Write TasksMax= in "
         "[X-Bitbuilder]."),
        ("Volume=www:/srv/www", "Volume=ww:/srv/www",
         "error[BB301]: Volume=ww names something that is not declared. hint: Did you mean www?"),
        ("Volume=www:/srv/www", "Volume=/srv/pages:/srv/www",
         "error[BB205]: Volume=: '/srv/pages' is a path, but a volume has a name. hint: Declare "
         "infrastructure/NAME.volume, and write Volume=NAME:/srv/www."),
        ("Volume=www:/srv/www", "Volume=./pages:/srv/www",
         "error[BB205]: Volume=: './pages' is a path, but a volume has a name. hint: Declare "
         "infrastructure/NAME.volume, and write Volume=NAME:/srv/www."),
        ("Volume=www:/srv/www", "Volume=www:srv/www",
         "error[BB205]: Volume=: 'srv/www' is not an absolute path. hint: Start it with /."),
        ("Volume=www:/srv/www", "Volume=www:/srv/www:ro",
         "error[BB205]: Volume=: The path '/srv/www' is followed by 'ro'. hint: A volume has no options "
         "here. Write www:/srv/www."),
        ("Volume=www:/srv/www", "Volume=www:/srv/www:Z",
         "error[BB205]: Volume=: The path '/srv/www' is followed by 'Z'. hint: A volume has no options "
         "here. Write www:/srv/www."),
        ("Volume=www:/srv/www", "Volume=www",
         "error[BB205]: Volume=: 'www' is not NAME:/PATH. hint: Write the volume, a colon and a path, such "
         "as data:/srv/data."),
        ("Volume=www:/srv/www", "Volume=www:/srv/www/",
         "error[BB205]: Volume=: The path '/srv/www/' is not clean. hint: Leave out . and .., repeated "
         "slashes and a slash at the end."),
        ("Volume=www:/srv/www", "Bind=/srv/www",
         "error[BB202]: There is no key Bind= in section [X-Bitbuilder]. hint: It names a path of the host. "
         "Declare infrastructure/NAME.volume and write Volume= in [X-Bitbuilder]."),
        ("Volume=www:/srv/www", "Mount=type=bind,source=/a,target=/b",
         "error[BB202]: There is no key Mount= in section [X-Bitbuilder]. hint: Declare "
         "infrastructure/NAME.volume, and write Volume=NAME:/PATH in [X-Bitbuilder]."),
        ("Volume=www:/srv/www", "Tmpfs=/tmp",
         "error[BB202]: There is no key Tmpfs= in section [X-Bitbuilder]. hint: Write TemporaryFileSystem= "
         "in [Files], such as /var/cache:size=64M."),
        ("Restart=always", "Restart=yes",
         "error[BB205]: Restart=: 'yes' is not one of always, on-failure, no. hint: Write always or "
         "on-failure or no."),
        ("Restart=always", "Restart=unless-stopped",
         "error[BB205]: Restart=: 'unless-stopped' is not one of always, on-failure, no. hint: Write always "
         "or on-failure or no."),
        ("Restart=always", "RestartPolicy=always",
         "error[BB202]: There is no key RestartPolicy= in section [X-Bitbuilder]. hint: Write "
         "Restart=always, on-failure or no in [X-Bitbuilder]."),
        ("HealthStableSec=5s", "HealthStableSec=5 sec.",
         "error[BB205]: HealthStableSec=: '5 sec.' is not a time span. hint: How long the workload must "
         "stay up to count as healthy, such as 5s."),
        ("HealthStableSec=5s", "HealthStableSec=five",
         "error[BB205]: HealthStableSec=: 'five' is not a time span. hint: Write a number and a unit, such "
         "as 30s or 5min."),
        ("HealthStableSec=5s", "HealthInterval=5s",
         "error[BB202]: There is no key HealthInterval= in section [X-Bitbuilder]. hint: Did you mean "
         "HealthIntervalSec?"),
        ("HealthStableSec=5s", "HealthCmd=curl localhost",
         "error[BB202]: There is no key HealthCmd= in section [X-Bitbuilder]. hint: Write Health= in "
         "[X-Bitbuilder]."),
        ("Health=unit", "Health=http://localhost:80/",
         "error[BB205]: Health=: '' is not a whole number from 1 to 65535. hint: Write http:80/."),
        ("Health=unit", "Health=80",
         "error[BB205]: Health=: '80' is not a check. hint: The checks are unit, tcp, http, exec, script."),
        ("[X-Bitbuilder]", "[X-BitBuilder]",
         "error[BB201]: There is no section [X-BitBuilder] in this kind of file. hint: Did you mean "
         "X-Bitbuilder?"),
        ("[X-Bitbuilder]", "[Bitbuilder]",
         "error[BB201]: There is no section [Bitbuilder] in this kind of file. hint: Write what runs into "
         "[Exec], and the image, volumes and limits into [X-Bitbuilder]."),
        ("[X-Bitbuilder]", "[Container]",
         "error[BB201]: There is no section [Container] in this kind of file. hint: Write what runs into "
         "[Exec], and the image, volumes and limits into [X-Bitbuilder]."),
        ("[X-Bitbuilder]", "[Service]",
         "error[BB201]: There is no section [Service] in this kind of file. hint: Write what runs into "
         "[Exec], and the image, volumes and limits into [X-Bitbuilder]."),
        ("[Exec]", "[exec]",
         "error[BB201]: There is no section [exec] in this kind of file. hint: Did you mean Exec?"),
        ("[Exec]", "Exec:",
         "error[BB102]: Line is neither a section header nor an assignment. hint: Write [Exec]."),
        ("[Exec]", "[Exec",
         "error[BB102]: Section header does not end with a bracket. hint: Write [Exec]."),
        ("[Exec]", "[Exec] # what runs",
         "error[BB102]: Section header does not end with a bracket. hint: Write [Exec]. A comment has a "
         "line of its own."),
        ("Restart=always", "Port=80",
         "error[BB202]: There is no key Port= in section [X-Bitbuilder]. hint: It belongs into section "
         "[Network]."),
        ("Restart=always", "PublishPort=8080:80",
         "error[BB202]: There is no key PublishPort= in section [X-Bitbuilder]. hint: Write Port= in "
         "[Network], such as Port=tcp:8080:80."),
        ("Restart=always", "Ports=8080:80",
         "error[BB202]: There is no key Ports= in section [X-Bitbuilder]. hint: Write Port= in [Network], "
         "such as Port=tcp:8080:80."),
        ("Restart=always", "ContainerName=web",
         "error[BB202]: There is no key ContainerName= in section [X-Bitbuilder]. hint: Leave it out: the "
         "name of the file is the name."),
        ("Restart=always", "Network=host",
         "error[BB209]: Network= needs a first network. hint: Write Bridge= in [Network] with the name of a "
         "network."),
        ("Restart=always", "Exec=/bin/true",
         "error[BB202]: There is no key Exec= in section [X-Bitbuilder]. hint: Write Parameters= in [Exec] "
         "with the program and its arguments."),
        ("Restart=always", "ExecStart=/bin/true",
         "error[BB202]: There is no key ExecStart= in section [X-Bitbuilder]. hint: Write Parameters= in "
         "[Exec] with the program and its arguments."),
        ("Restart=always", "Command=/bin/true",
         "error[BB202]: There is no key Command= in section [X-Bitbuilder]. hint: Write Parameters= in "
         "[Exec] with the program and its arguments."),
        ("Restart=always", "Entrypoint=/bin/true",
         "error[BB202]: There is no key Entrypoint= in section [X-Bitbuilder]. hint: Write Parameters= in "
         "[Exec] with the program and its arguments."),
        ("Restart=always", "Env=A=b",
         "error[BB202]: There is no key Env= in section [X-Bitbuilder]. hint: Write Environment= in [Exec], "
         "NAME=VALUE."),
        ("Restart=always", "EnvironmentFile=env",
         "error[BB202]: There is no key EnvironmentFile= in section [X-Bitbuilder]. hint: Write "
         "Environment= in [Exec] for each variable: no file is read."),
        ("Restart=always", "Label=a=b",
         "error[BB202]: There is no key Label= in section [X-Bitbuilder]. hint: Write it as a comment, in a "
         "line that starts with #."),
        ("Restart=always", "Privileged=yes",
         "error[BB202]: There is no key Privileged= in section [X-Bitbuilder]. hint: Leave it out: no grant "
         "gives a workload power over the host."),
        ("Restart=always", "AddCapability=CAP_NET_ADMIN",
         "error[BB202]: There is no key AddCapability= in section [X-Bitbuilder]. hint: Leave it out: no "
         "grant gives a workload power over the host."),
        ("Restart=always", "DropCapability=CAP_NET_ADMIN",
         "error[BB202]: There is no key DropCapability= in section [X-Bitbuilder]. hint: It belongs into "
         "section [Exec]."),
        ("Restart=always", "AddDevice=/dev/kvm",
         "error[BB202]: There is no key AddDevice= in section [X-Bitbuilder]. hint: Leave it out: no grant "
         "gives a workload power over the host."),
        ("Restart=always", "Secret=db",
         "error[BB202]: There is no key Secret= in section [X-Bitbuilder]. hint: Commit "
         "infrastructure/credentials/NAME.cred, and write Credential=NAME in [X-Bitbuilder]."),
        ("Restart=always", "AutoUpdate=registry",
         "error[BB202]: There is no key AutoUpdate= in section [X-Bitbuilder]. hint: Leave it out: an image "
         "changes when its SHA256= in infrastructure/NAME.image does."),
        ("Restart=always", "PodmanArgs=--x",
         "error[BB202]: There is no key PodmanArgs= in section [X-Bitbuilder]. hint: Leave it out: no grant "
         "gives a workload power over the host."),
        ("Restart=always", "Pod=x.pod",
         "error[BB202]: There is no key Pod= in section [X-Bitbuilder]. hint: Leave it out: workloads have "
         "nothing in common but their networks and volumes."),
        ("Restart=always", "DNS=1.1.1.1",
         "error[BB202]: There is no key DNS= in section [X-Bitbuilder]. hint: Declare network/NAME.netdev, "
         "and write Bridge=NAME in [Network]."),
        ("Restart=always", "HostName=web",
         "error[BB202]: There is no key HostName= in section [X-Bitbuilder]. hint: Hostname= belongs into "
         "section [Exec]."),
        ("Restart=always", "depends_on=db",
         "error[BB202]: There is no key depends_on= in section [X-Bitbuilder]. hint: Write After= in "
         "[X-Bitbuilder]."),
        ("Restart=always", "After=db",
         "error[BB301]: After=db names something that is not declared. hint: Add containers/db.nspawn, or "
         "correct the name."),
        ("Restart=always", "After=web",
         "error[BB302]: After=web names this declaration itself. hint: Leave it out."),
        ("Restart=always", "Requires=db.service",
         "error[BB202]: There is no key Requires= in section [X-Bitbuilder]. hint: Write After= in "
         "[X-Bitbuilder]."),
        ("Restart=always", "WantedBy=multi-user.target",
         "error[BB202]: There is no key WantedBy= in section [X-Bitbuilder]. hint: Leave it out: what is in "
         "the repository is started."),
        ("Restart=always", "Description=My container",
         "error[BB202]: There is no key Description= in section [X-Bitbuilder]. hint: Write it as a "
         "comment, in a line that starts with #."),
        ("Restart=always", "Persistent=ja",
         "error[BB205]: Persistent=: 'ja' is not a boolean. hint: Write yes or no."),
        ("Restart=always", "MemoryMax=1G",
         "error[BB206]: MemoryMax= is given more than once. hint: Keep one of them."),
        ("Environment=PORT=80", "Environment=PORT:80",
         "error[BB205]: Environment=: 'PORT:80' is not an assignment NAME=VALUE. hint: Assignments "
         "NAME=VALUE, quoted when they hold blanks."),
        ('Environment=PORT=80 "TITLE=It works"', "Environment=PORT=80 TITLE=It works",
         "error[BB205]: Environment=: 'works' is not an assignment NAME=VALUE. hint: Assignments "
         "NAME=VALUE, quoted when they hold blanks."),
        ('Environment=PORT=80 "TITLE=It works"', 'Environment=PORT=80 "TITLE=It works',
         'error[BB205]: Environment=: A quotation that starts with " is not closed. hint: Close every quote.'),
        ("Environment=PORT=80", "User=0:0\nEnvironment=PORT=80",
         "error[BB205]: User=: '0:0' is not a user name. hint: Write one user of the image, without a group."),
        ("Environment=PORT=80", "PrivateUsers=no\nEnvironment=PORT=80",
         "error[BB203]: PrivateUsers= is set by the host. hint: The host gives every container its own "
         "range of user ids."),
        ("Environment=PORT=80", "Capability=all\nEnvironment=PORT=80",
         "error[BB204]: Capability= is not allowed for tenants. hint: It would give the container more "
         "power over the host than its user namespace may have."),
        ("Environment=PORT=80", "Boot=yes please\nEnvironment=PORT=80",
         "error[BB205]: Boot=: 'yes please' is not a boolean. hint: Write yes or no."),
        ("Environment=PORT=80", "ProcessTwo=yes\nBoot=yes\nEnvironment=PORT=80",
         "error[BB209]: ProcessTwo=yes contradicts Boot=yes. hint: Leave one out."),
        ("Environment=PORT=80", "[Network]\nPort=80\n[Exec]\nEnvironment=PORT=80",
         "error[BB209]: Port= needs a first network. hint: Write Bridge= in [Network] with the name of a "
         "network."),
        ("Environment=PORT=80", "[Network]\nPrivate=no\n[Exec]\nEnvironment=PORT=80",
         "error[BB203]: Private= is set by the host. hint: A container always has a private network. Leave "
         "it out."),
        ("Environment=PORT=80", "[Files]\nBind=/home\n[Exec]\nEnvironment=PORT=80",
         "error[BB204]: Bind= is not allowed for tenants. hint: It names a path of the host. Declare "
         "infrastructure/NAME.volume and write Volume= in [X-Bitbuilder]."),
        ("Environment=PORT=80", "[Install]\nWantedBy=multi-user.target\n[Exec]\nEnvironment=PORT=80",
         "error[BB201]: There is no section [Install] in this kind of file. hint: Leave it out: what is in "
         "the repository is started."),
    ),
    ("web-container", "infrastructure/www.volume"): (
        ("Size=1G", "Size=1GB",
         "error[BB205]: Size=: '1GB' is not an amount of bytes. hint: Write 1G."),
        ("Size=1G", "Siz=1G",
         "error[BB202]: There is no key Siz= in section [Volume]. hint: Did you mean Size?"),
        ("Size=1G", "Size=one gigabyte",
         "error[BB205]: Size=: 'one gigabyte' is not an amount of bytes. hint: Write a number and K, M, G "
         "or T, such as 512M."),
        ("Size=1G", "Driver=local",
         "error[BB202]: There is no key Driver= in section [Volume]. hint: Leave it out: the host decides "
         "where the volume lies."),
        ("[Volume]", "[Volumes]",
         "error[BB201]: There is no section [Volumes] in this kind of file. hint: Did you mean Volume?"),
    ),
    ("web-container", "infrastructure/tenant.slice"): (
        ("[Slice]", "[Service]",
         "error[BB201]: There is no section [Service] in this kind of file. hint: Write [Slice]."),
        ("TasksMax=512", "Tasks=512",
         "error[BB202]: There is no key Tasks= in section [Slice]. hint: Did you mean TasksMax?"),
        ("CPUQuota=100%", "CPUQuota=2",
         "error[BB205]: CPUQuota=: '2' is not a percentage. hint: Write a percentage of one CPU, such as "
         "50% or 200%."),
        ("CPUQuota=100%", "CPUWeight=500",
         "error[BB205]: CPUWeight=: The weight 500 is more than every other tenant has. hint: Write at most "
         "100, which is what all tenants have."),
    ),
    ("web-container", "metadata.json"): (
        ('"tenant": "shop",', '"tenant": "shop"',
         'error[BB103]: Expected a comma or } in this object, not \'"\'. hint: Is a comma missing before it?'),
        ('"keepGenerations": 5 }', '"keepGenerations": 5, }',
         "error[BB103]: A comma stands before the closing }. hint: JSON has no trailing commas."),
        ('"keepGenerations": 5', '"keepGenerations": "5"',
         'error[BB104]: lifecycle.keepGenerations must be a whole number, not "5". hint: How many '
         "generations are kept, from 2 to 100."),
        ('"tenant": "shop"', '"tenant": "other"',
         'error[BB303]: The tenant is registered as shop, but this file is of other. hint: Write "tenant": '
         '"shop", or ask the operator which repository is registered.'),
        ('"tenant": "shop"', 'tenant: "shop"',
         "error[BB103]: Expected a key, not 't'. hint: A key is a string in double quotes."),
        ('"tenant": "shop"', "'tenant': 'shop'",
         "error[BB103]: A key is in single quotes. hint: JSON wants double quotes."),
        ('"displayName"', '"displayname"',
         'error[BB104]: Key "displayname" is not known in the document. hint: Did you mean displayName?'),
        ('bitbuilder.io/v1"', 'bitbuilder.io/v2"',
         'error[BB104]: apiVersion must be "bitbuilder.io/v1", not "bitbuilder.io/v2". hint: The version of '
         "this format, bitbuilder.io/v1."),
        ("{", "{\n  // a comment",
         "error[BB103]: Expected a key, not '/'. hint: JSON has no comments."),
        ('"onFailure": "rollback"', '"onFailure": "restart"',
         'error[BB104]: lifecycle.onFailure must be "rollback", not "restart". hint: What happens when it '
         "does not: the generation before comes back."),
    ),
    ("full", "machines/db.vmspawn"): (
        ("RAM=1G", "RAM=1GB",
         "error[BB205]: RAM=: '1GB' is not an amount of bytes. hint: Write 1G."),
        ("RAM=1G", "Memory=1G",
         "error[BB202]: There is no key Memory= in section [VM]. hint: Write RAM= in [VM] for the machine's "
         "memory."),
        ("CPUs=2", "CPUs=two",
         "error[BB205]: CPUs=: 'two' is not a whole number from 1 to 512. hint: How many CPUs the machine "
         "has, such as 2."),
        ("CPUs=2", "CPU=2",
         "error[BB202]: There is no key CPU= in section [VM]. hint: Write CPUs= in [VM]."),
        ("Bridge=lan", "Bridge=lna",
         "error[BB301]: Bridge=lna names something that is not declared. hint: Did you mean lan?"),
        ("Bridge=lan", "Bridge=br0",
         "error[BB301]: Bridge=br0 names something that is not declared. hint: Add network/br0.netdev, or "
         "correct the name."),
        ("Volume=data", "Volume=www",
         "error[BB209]: Volume www is for containers, so no machine can have it. hint: Declare another "
         "volume, or write Use=machine in infrastructure/www.volume."),
        ("Volume=data", "Volume=data:/srv",
         "error[BB209]: Volume data is a drive, which the machine itself mounts where it likes. hint: Write "
         "Volume=data, or Format=directory in infrastructure/data.volume for a folder that is shared."),
        ("MemoryMax=1300M", "MemoryMax=512M",
         "error[BB209]: MemoryMax=512M has no room for RAM=1G and what QEMU itself needs. hint: Write "
         "MemoryMax=1280M or more, or less RAM= in [VM]."),
        ("[VM]", "[Machine]",
         "error[BB201]: There is no section [Machine] in this kind of file. hint: Write CPUs= and RAM= into "
         "[VM], and the image, volumes and limits into [X-Bitbuilder]."),
        ("Health=tcp:5432", "Health=exec:true",
         "error[BB205]: Health=: 'exec' is not for this kind of workload. hint: The checks are unit, tcp, "
         "http, script, console."),
        ("Image=debian-13-vm", "Image=debian.qcow2",
         "error[BB205]: Image=: 'debian.qcow2' is not a name. hint: A name is lower-case letters, digits "
         "and single dashes, starts with a letter, and has at most 24 characters."),
    ),
    ("full", "network/lan.netdev"): (
        ("Kind=bridge", "Kind=bond",
         "error[BB205]: Kind=: The kind bond is not allowed for tenants. hint: It would bind interfaces of "
         "the host together."),
        ("Kind=bridge", "Type=bridge",
         "error[BB202]: There is no key Type= in section [NetDev]. hint: Write Kind=."),
        ("Name=lan", "Name=br0",
         "error[BB209]: Name=br0 is not the name of the file. hint: Write Name=lan, or rename the file to "
         "network/br0.netdev."),
    ),
    ("full", "network/lan.network"): (
        ("Address=10.77.0.1/24", "Address=10.77.0.1",
         "error[BB205]: Address=: '10.77.0.1' is not an address with a prefix length. hint: Write for "
         "example 10.77.0.1/24."),
        ("Address=10.77.0.1/24", "Address=10.77.0.0/24",
         "error[BB205]: Address=: '10.77.0.0/24' is the subnet itself. hint: Choose an address inside of "
         "10.77.0.0/24."),
        ("DHCPServer=yes", "DHCP=yes",
         "error[BB204]: DHCP= is not allowed for tenants. hint: The host never takes addresses, routes, "
         "servers or names from the network of a tenant."),
        ("DHCPServer=yes", "Gateway=10.77.0.254",
         "error[BB204]: Gateway= is not allowed for tenants. hint: Routes of the host belong to the "
         "operator; a network is reached by its addresses."),
    ),
    ("full", "infrastructure/app.image"): (
        ("Format=tar", "Format=docker",
         "error[BB205]: Format=: 'docker' is not one of tar, raw. hint: Write tar or raw."),
        ("SHA256=0", "SHA256=sha256:0",
         "error[BB205]: SHA256=: 'sha256:00000000000000000000000000000000000000000000000000...' is not a "
         f"SHA-256 digest. hint: Write the 64 digits alone: {64 * '0'}."),
        ("Source=file:///srv/images/app.tar", "Source=docker.io/nginx",
         "error[BB205]: Source=: 'docker.io/nginx' is not a URL that is allowed here. hint: Write a URL "
         "that starts with https://, http://, file://."),
        ("Source=file:///srv/images/app.tar", "Source=/srv/images/app.tar",
         "error[BB205]: Source=: '/srv/images/app.tar' is not a URL that is allowed here. hint: Write "
         "file:///srv/images/app.tar."),
        ("Source=file:///srv/images/app.tar", "Source=https://me:pw@x.org/a.tar",
         "error[BB205]: Source=: The URL 'https://me:pw@x.org/a.tar' names a user. hint: Leave the user and the "
         "password out."),
        ("Source=file:///srv/images/app.tar", "Url=https://x.org/a.tar",
         "error[BB202]: There is no key Url= in section [Image]. hint: Write Source=, with the SHA256= of "
         "what is there."),
    ),
    ("full", "services/agent.portable"): (
        ("Unit=app.service", "Unit=app",
         "error[BB205]: Unit=: 'app' is not a unit that an image can bring. hint: Write such as app.service."),
        ("Unit=app.service", "Service=app.service",
         "error[BB202]: There is no key Service= in section [Portable]. hint: Write Unit=NAME.service."),
    ),
    ("full", "scripts/health"): (
        ("#!/bin/sh", "# no interpreter",
         "error[BB205]: The first line names no interpreter. hint: Start the file with a line such as #!/bin/sh."),
        ("#!/bin/sh", "#!sh",
         "error[BB205]: The interpreter 'sh' is not an absolute path. hint: Write #!/usr/bin/env sh."),
    ),
}
ONE_BY_ONE = [(*where, *mistake) for where, mistakes in MISTAKES.items() for mistake in mistakes]
# Files that people add, and the finding about each.
FILES = {
    "docker-compose.yml": "Write a file containers/NAME.nspawn for each service.",
    "compose.yaml": "Write a file containers/NAME.nspawn for each service.",
    "Dockerfile": "Images are built elsewhere. Declare infrastructure/NAME.image, or use one that the host offers.",
    "containers/web.container": "Write it as containers/NAME.nspawn.",
    "containers/db.yaml": "Files here are containers/NAME.nspawn.",
    "container/db.nspawn": "Move it to containers/db.nspawn.",
    "db.nspawn": "Move it to containers/db.nspawn.",
    "machine/db.vmspawn": "Move it to machines/db.vmspawn.",
    "containers/data.volume": "Move it to infrastructure/data.volume.",
    "lan.network": "Move it to network/lan.network.",
    "services/app.service": "Write it as services/NAME.portable, or run the program in containers/NAME.nspawn.",
    "machines/vm.qcow2": "Keep it elsewhere, and declare infrastructure/NAME.image with its Source= and SHA256=.",
    "Metadata.json": "Did you mean metadata.json?",
    "meta.json": "Did you mean metadata.json?",
    "scripts/healthcheck": "Files here are scripts/provision, scripts/pre-start, scripts/post-start, scripts/health, "
                           "scripts/pre-stop, scripts/post-stop.",
    "containers/My_App.nspawn": "A name is lower-case letters, digits and single dashes, starts with a letter, and has "
                                "at most 24 characters.",
}  # fmt: skip


def made(template: str) -> Files:
    return fill(shelf.template(template, ()), {}, "shop")


def check(files: Files) -> tuple[Finding, ...]:
    assert METADATA
    findings = ordered(read_tenant(files, "shop", compile_schema(METADATA.value))[1])
    return tuple(finding for finding in findings if finding.code != "BB211")


def changed(text: str, old: str, new: str) -> tuple[str, range]:
    """The text with this change of one line, and the lines where somebody would look for a finding about it."""
    lines = text.split("\n")
    at = [number for number, line in enumerate(lines) if line.startswith(old)]
    at = at or [number for number, line in enumerate(lines) if old in line]
    lines[at[0]] = lines[at[0]].replace(old, new, 1)
    return "\n".join(lines), range(at[0] + 1, at[0] + new.count("\n") + 3)


def told(finding: Finding) -> str:
    return f"{finding.severity}[{finding.code}]: {finding.message} hint: {finding.hint}"


@pytest.mark.parametrize(("template", "file", "old", "new", "expected"), ONE_BY_ONE,
                         ids=[f"{file}: {new}" for _, file, _, new, _ in ONE_BY_ONE])
def test_a_mistake_is_found_where_it_is_with_what_to_do(
    template: str, file: str, old: str, new: str, expected: str
) -> None:
    files = made(template)
    text, lines = changed(files[file].decode(), old, new)
    files[file] = text.encode()
    findings = [finding for finding in check(files) if finding.place.file == file]
    assert expected in map(told, findings)
    found = next(finding for finding in findings if told(finding) == expected)
    headers = [number for number, line in enumerate(text.splitlines(), 1) if line.startswith("[")]
    assert found.place.line in (headers if found.code == "BB208" else (*lines, 0))
    assert found.hint and len(findings) <= 4


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_has_no_place_here_is_told_where_to_go(file: str) -> None:
    findings = check({**made("web-container"), file: b""})
    assert [(finding.place.file, finding.hint) for finding in findings] == [(file, FILES[file])]


def test_blanks_tabs_and_the_line_ends_of_windows_are_no_mistakes() -> None:
    files = made("web-container")
    web = files["containers/web.nspawn"]
    for text in (web.replace(b"\n", b"\r\n"), web.replace(b"MemoryMax=128M", b"\t MemoryMax \t=\t 128M \t"),
                 web.replace(b"[X-Bitbuilder]", b"  [X-Bitbuilder]  ")):  # fmt: skip
        assert check({**files, "containers/web.nspawn": text}) == ()


@pytest.mark.parametrize(("code", "hint"), [("utf-8-sig", "Save the file as UTF-8 without a byte order mark."),
                                            ("utf-16", "Save the file as UTF-8 text.")])
def test_a_file_in_another_encoding_is_told_which_one_is_wanted(code: str, hint: str) -> None:
    files = made("web-container")
    text = files["containers/web.nspawn"].decode().encode(code)
    findings = check({**files, "containers/web.nspawn": text})
    assert [finding.hint for finding in findings if finding.place.line] == [hint]


def test_a_word_of_another_program_is_never_a_word_of_ours() -> None:
    for table in filter(None, (kind.settings for kind in KINDS)):
        for word, hint in table.meant.items():
            assert word == elsewhere.fold(word) and hint.endswith("."), word
        ours = {elsewhere.fold(f"[{section}]") for section in table.sections}
        assert ours.isdisjoint(table.meant)


def test_what_a_hint_says_to_write_exists() -> None:
    rows = {(row.section, row.key) for kind in KINDS if kind.name == "container" for row in kind.settings or ()}
    for word, hint in elsewhere.CONTAINER.items():
        for part in hint.split("Write ")[1:]:
            key, _, rest = part.partition("=")
            if key.isalnum() and " in [" in rest:
                section = rest.partition(" in [")[2].partition("]")[0]
                assert (section, key) in rows, (word, hint)
