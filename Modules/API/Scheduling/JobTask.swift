// SPDX-License-Identifier: Apache-2.0

/// One process of an instance. (`Task` is Swift's.)
package struct JobTask: Hashable, Sendable {
    package static let killTimeoutDefault = GoDuration.seconds(5)

    package var name: String
    package var driver: String
    package var user = ""
    /// The driver's own settings.
    package var config: JSONText?
    package var environment = StringMap()
    package var constraints: [Constraint] = []
    package var affinities: [Affinity] = []
    package var resources = TaskResources()
    /// nil for a main task.
    package var lifecycle: TaskLifecycle?
    package var restartPolicy: RestartPolicy?
    package var meta = StringMap()
    package var killTimeout = JobTask.killTimeoutDefault
    package var killSignal = ""
    package var shutdownDelay = GoDuration.zero
    package var isLeader = false
    package var kind = ""
    package var logs = LogSettings()
    package var artifacts: JSONText?
    package var volumeMounts: [VolumeMount] = []

    package init(name: String, driver: String) {
        self.name = name
        self.driver = driver
    }
}

/// When a task runs that is not a main one.
package struct TaskLifecycle: Hashable, Sendable {
    package enum Hook: String, Hashable, Sendable, CaseIterable {
        case prestart
        case poststart
        case poststop
    }

    package var hook: Hook
    /// Runs as long as the main tasks.
    package var isSidecar: Bool

    package init(hook: Hook, isSidecar: Bool = false) {
        self.hook = hook
        self.isSidecar = isSidecar
    }
}

package struct LogSettings: Hashable, Sendable {
    package var maxFiles = 10
    package var maxFileSizeMB = 10

    /// Nomad's defaults.
    package init() {}
}

package struct VolumeMount: Hashable, Sendable {
    package var volume: String
    package var destination: String
    package var isReadOnly: Bool
    package var propagationMode: String

    package init(
        volume: String, destination: String, isReadOnly: Bool = false,
        propagationMode: String = "private"
    ) {
        self.volume = volume
        self.destination = destination
        self.isReadOnly = isReadOnly
        self.propagationMode = propagationMode
    }
}
