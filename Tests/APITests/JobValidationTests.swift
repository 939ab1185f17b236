// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import Testing

private func job(_ type: JobType = .service, _ change: (inout Job) -> Void = { _ in }) -> Job {
    let text = """
        {"Job":{"ID":"j","Type":"\(type.rawValue)","Datacenters":["dc1"],"TaskGroups":[{"Name":"g",
        "Tasks":[{"Name":"t","Driver":"mock"}]}]}}
        """
    do {
        var job = try JobRegisterRequest.parse(body: Array(text.utf8)).job
        change(&job)
        return job
    } catch {
        preconditionFailure("\(error)")
    }
}

private func task(_ change: (inout JobTask) -> Void) -> Job {
    job { change(&$0.groups[0].tasks[0]) }
}

private func group(_ type: JobType = .service, _ change: (inout TaskGroup) -> Void) -> Job {
    job(type) { change(&$0.groups[0]) }
}

@Suite("A job's validation") struct JobValidationTests {
    @Test("The defaults of each type are valid", arguments: JobType.allCases)
    func defaults(type: JobType) {
        #expect(job(type).validate() == JobVerdict())
    }

    @Test("One fault in a task is told as Nomad does")
    func nested() {
        let text = task { $0.resources.cpu = 0 }.validate().errorText
        #expect(
            text == """
                1 error occurred:
                \t* Task group g validation failed: 1 error occurred:
                \t* Task t validation failed: 1 error occurred:
                \t* Task resources validation failed: 1 error occurred:
                \t* minimum CPU value is 1; got 0
                """ + String(repeating: "\n", count: 8))
    }

    /// The state refused them: the answer was a 500 without a field.
    @Test("Where a volume is mounted has a bound")
    func mounts() {
        let long = String(repeating: "x", count: 5000)
        let text = task { $0.volumeMounts = [VolumeMount(volume: "v", destination: long)] }
            .validate().errorText
        #expect(text?.contains("VolumeMount.Destination is longer than 4096 bytes") == true)
    }

    /// A list is made of them: two thousand million canaries took the memory of one leader after the other.
    @Test("Canaries are bounded as instances are, and so is what a sysbatch job has on each node")
    func bounds() {
        let canaries = group {
            $0.update?.canary = 2_000_000_000
        }.validate().errorText
        #expect(canaries?.contains("Canary count can not be more than 10000") == true)
        let many = job { job in
            job.groups[0].update?.canary = 6000
            var other = job.groups[0]
            other.name = "h"
            job.groups.append(other)
        }.validate().errorText
        #expect(many?.contains("TaskGroups.Update.Canary: 12000 canaries in all groups") == true)
        let most = group(.sysbatch) { $0.count = 1024 }
        #expect(most.validate().isValid)
        let seats = group(.sysbatch) { $0.count = 1025 }.validate().errorText
        #expect(seats?.contains("TaskGroups.Count: 1025 instances in all groups") == true)
    }

    @Test("Several faults are all told, with 400")
    func several() throws {
        let refusal = try #require(
            job {
                $0.priority = 101
                $0.id = "a b"
                $0.groups = []
            }.validate().refusal)
        #expect(refusal.status == 400)
        #expect(refusal.message.hasPrefix("3 errors occurred:\n\t* Job ID contains a space\n"))
        #expect(refusal.message.contains("Job priority must be between [1, 100]"))
        #expect(refusal.message.contains("Missing job task groups"))
    }

    private static let faulty: [(String, Job, String)] = [
        ("no datacenter", job { $0.datacenters = [""] }, "datacenter must be non-empty"),
        ("a null", job { $0.id = "a\0" }, "Job ID contains a null character"),
        (
            "a long name", job { $0.name = String(repeating: "x", count: 257) },
            "Job Name is longer than 256 bytes"
        ),
        ("a negative count", group { $0.count = -1 }, "count can't be negative"),
        ("a huge count", group { $0.count = .max }, "TaskGroups.Count: 9223372036854775807"),
        (
            "two huge counts",
            job {
                $0.groups += $0.groups
                $0.groups[1].name = "h"
                $0.groups[0].count = .max
                $0.groups[1].count = .max
            }, "TaskGroups.Count"
        ),
        ("a system count", group(.system) { $0.count = 2 }, "Count cannot exceed 1"),
        ("a name twice", job { $0.groups += $0.groups }, "redefines 'g' from group 1"),
        ("no task", group { $0.tasks = [] }, "Missing tasks for task group"),
        ("a task twice", group { $0.tasks += $0.tasks }, "Task 2 redefines 't' from task 1"),
        ("a slash", task { $0.name = "a/b" }, "Task name cannot include slashes"),
        ("no driver", task { $0.driver = "" }, "Missing task driver"),
        (
            "little memory", task { $0.resources.memoryMB = 9 },
            "minimum MemoryMB value is 10; got 9"
        ),
        (
            "negative memory", task { $0.resources.memoryMB = .min },
            "minimum MemoryMB value is 10; got -9223372036854775808"
        ),
        (
            "huge memory", task { $0.resources.memoryMB = .max },
            "maximum MemoryMB value is 2147483647"
        ),
        (
            "less at most than at least", task { $0.resources.memoryMaxMB = 20 },
            "MemoryMaxMB value (20) should be larger than MemoryMB value (300)"
        ),
        (
            "cores and MHz", task { $0.resources.cores = 1 },
            "Task can only ask for 'cpu' or 'cores' resource, not both."
        ),
        (
            "logs beyond the disk", task { $0.logs.maxFiles = 30 },
            "log storage (300 MB) must be less than requested disk capacity (300 MB)"
        ),
        (
            "logs without end",
            task {
                $0.logs.maxFiles = .max
                $0.logs.maxFileSizeMB = .max
            }, "maximum MaxFiles value"
        ),
        (
            "a small disk", group { $0.ephemeralDisk.sizeMB = 9 },
            "minimum DiskMB value is 10; got 9"
        ),
        (
            "an operator", job { $0.constraints = [Constraint("${attr.x}", "~", "y")] },
            "Constraint 1 validation failed: 1 error occurred:\n\t* Unknown constraint type \"~\""
        ),
        ("no target", job { $0.constraints = [Constraint("", "=", "y")] }, "No LTarget provided"),
        (
            "a long pattern",
            job {
                $0.constraints = [
                    Constraint("x", "regexp", String(repeating: "(a*)*", count: 300))
                ]
            }, "Regular expression is longer than 1024 bytes"
        ),
        (
            "distinct nothing",
            job { $0.constraints = [Constraint("${meta.r}", "distinct_property", "0")] },
            "Distinct Property must have an allowed count of 1 or greater"
        ),
        (
            "distinct in a task", task { $0.constraints = [Constraint("", "distinct_hosts")] },
            "Constraint 1 has disallowed Operand at task level: distinct_hosts"
        ),
        (
            "a weight", job { $0.affinities = [Affinity("x", "=", "y", weight: 101)] },
            "Affinity weight must be within the range [-100,100]"
        ),
        (
            "no weight", group { $0.affinities = [Affinity("x", "=", "y", weight: 0)] },
            "Affinity weight cannot be zero"
        ),
        (
            "shares beyond all",
            group {
                $0.spreads = [
                    Spread(
                        attribute: "x",
                        targets: [
                            SpreadTarget(value: "a", percent: 60),
                            SpreadTarget(value: "b", percent: 50),
                        ])
                ]
            }, "Sum of spread target percentages must not be greater than 100%; got 110%"
        ),
        (
            "a huge share",
            job {
                $0.spreads = [
                    Spread(
                        attribute: "x",
                        targets: [
                            SpreadTarget(value: "a", percent: .max),
                            SpreadTarget(value: "b", percent: .max),
                        ])
                ]
            }, "must be between 0 and 100"
        ),
        (
            "a system spread", job(.system) { $0.spreads = [Spread(attribute: "x")] },
            "System jobs may not have a spread stanza"
        ),
        (
            "a batch update", group(.batch) { $0.update = UpdateStrategy() },
            "Job type \"batch\" does not allow update block"
        ),
        (
            "deadlines out of order", group { $0.update?.progressDeadline = .seconds(300) },
            "Healthy deadline must be less than progress deadline: 5m0s > 5m0s"
        ),
        ("a canary", group { $0.update?.canary = -1 }, "Canary count can not be less than zero"),
        (
            "restarts that take too long", group { $0.restartPolicy?.attempts = .max },
            "times in an interval of 30m0s"
        ),
        (
            "a delay without end",
            group { $0.reschedulePolicy?.delay = GoDuration(nanoseconds: .max) },
            "ReschedulePolicy.Delay must not be longer than a hundred years"
        ),
        (
            "a negative delay", task { $0.killTimeout = GoDuration(nanoseconds: -1) },
            "KillTimeout must be a positive value"
        ),
        (
            "two networks", group { $0.networks = [NetworkRequest(), NetworkRequest()] },
            "Only one network of a task group is allowed"
        ),
        (
            "a port twice",
            group {
                var network = NetworkRequest()
                network.reservedPorts = [
                    PortRequest(label: "a", value: 80), PortRequest(label: "b", value: 80),
                ]
                $0.networks = [network]
            }, "Static port 80 already reserved by a"
        ),
        (
            "a port that is none",
            group {
                var network = NetworkRequest()
                network.reservedPorts = [PortRequest(label: "a", value: 70_000)]
                $0.networks = [network]
            }, "Port \"a\" has an invalid value 70000"
        ),
        (
            "a device",
            task { $0.resources.devices = [DeviceRequest(name: "a/b/c/d")] },
            "device name must be given as one of the following"
        ),
        (
            "no device",
            task { $0.resources.devices = [DeviceRequest(name: "gpu", count: 0)] },
            "minimum Count value is 1; got 0"
        ),
        (
            "a volume",
            group {
                $0.volumes["v"] = VolumeRequest(name: "v", type: "csi", source: "s")
            }, "Volume v has unrecognized type \"csi\""
        ),
        (
            "a mount of nothing",
            task { $0.volumeMounts = [VolumeMount(volume: "v", destination: "/")] },
            "Task t has a volume mount referencing undefined volume \"v\""
        ),
        (
            "only helpers", task { $0.lifecycle = TaskLifecycle(hook: .prestart) },
            "Task group needs a task without a lifecycle hook"
        ),
    ]

    @Test("What makes no sense is named", arguments: faulty.indices)
    func faults(place: Int) {
        let (what, job, expected) = Self.faulty[place]
        let text = job.validate().errorText ?? "valid"
        #expect(text.contains(expected), "\(what): \(text)")
    }

    @Test("What a valid job asks can be added up")
    func sums() {
        let valid = job {
            var task = $0.groups[0].tasks[0]
            task.resources.cpu = SchedulingBounds.amountMax
            task.resources.memoryMB = SchedulingBounds.amountMax
            $0.groups[0].tasks = (0..<SchedulingBounds.tasksMax).map {
                task.name = "t\($0)"
                return task
            }
            $0.groups[0].count = SchedulingBounds.instancesMax
        }
        #expect(valid.validate().isValid)
        let all = valid.groups[0].combinedResources
        let (_, isTooLarge) = all.cpu.multipliedReportingOverflow(by: valid.groups[0].count)
        #expect(!isTooLarge && all.cpu > 0)
    }

    @Test("Strange jobs are taken with a warning")
    func warnings() {
        let verdict = group { $0.update?.maxParallel = 3 }.validate()
        #expect(verdict.isValid)
        #expect(
            verdict.warningText.hasPrefix(
                "1 warning(s):\n\n* Group \"g\" has warnings: Update max parallel count is greater "
                    + "than task group count (3 > 1)."))
        #expect(job().validate().warningText == "")
    }
}
