// SPDX-License-Identifier: Apache-2.0

/// What can be done in a namespace.
package enum NamespaceCapability: Int, Capability {
    case deny
    case listJobs
    case parseJob
    case readJob
    case submitJob
    case dispatchJob
    case readLogs
    case readFS
    case allocExec
    case allocNodeExec
    case allocLifecycle
    case sentinelOverride
    case csiRegisterPlugin
    case csiWriteVolume
    case csiReadVolume
    case csiListVolume
    case csiMountVolume
    case hostVolumeCreate
    case hostVolumeRegister
    case hostVolumeRead
    case hostVolumeWrite
    case hostVolumeDelete
    case listScalingPolicies
    case readScalingPolicy
    case readJobScaling
    case scaleJob
    case submitRecommendation
    case registerJob
    case revertJob
    case deregisterJob
    case purgeJob
    case evaluateJob
    case planJob
    case tagJobVersion
    case stableJob
    case failDeployment
    case pauseDeployment
    case promoteDeployment
    case unblockDeployment
    case cancelDeployment
    case setAllocHealthDeployment
    case gcAllocation
    case pauseAllocation
    case forcePeriodicJob
    case deleteServiceRegistration

    package static let names = [
        "deny", "list-jobs", "parse-job", "read-job", "submit-job", "dispatch-job", "read-logs",
        "read-fs", "alloc-exec", "alloc-node-exec", "alloc-lifecycle", "sentinel-override",
        "csi-register-plugin", "csi-write-volume", "csi-read-volume", "csi-list-volume",
        "csi-mount-volume", "host-volume-create", "host-volume-register", "host-volume-read",
        "host-volume-write", "host-volume-delete", "list-scaling-policies", "read-scaling-policy",
        "read-job-scaling", "scale-job", "submit-recommendation", "register-job", "revert-job",
        "deregister-job", "purge-job", "evaluate-job", "plan-job", "tag-job-version", "stable-job",
        "fail-deployment", "pause-deployment", "promote-deployment", "unblock-deployment",
        "cancel-deployment", "set-alloc-health-deployment", "gc-allocation", "pause-allocation",
        "force-periodic-job", "delete-service-registration",
    ]

    package static func expansion(of level: Level) -> [Self]? {
        switch level {
        case .deny: [.deny]
        case .read: ofRead
        case .write: ofRead + ofWrite
        case .scale:
            [
                .listScalingPolicies, .readScalingPolicy, .readJobScaling, .scaleJob, .readJob,
                .submitRecommendation,
            ]
        case .list: nil
        }
    }

    private static let ofRead: [Self] = [
        .listJobs, .parseJob, .readJob, .csiListVolume, .csiReadVolume, .readJobScaling,
        .listScalingPolicies, .readScalingPolicy, .hostVolumeRead,
    ]

    private static let ofWrite: [Self] = [
        .scaleJob, .submitJob, .dispatchJob, .readLogs, .readFS, .allocExec, .allocLifecycle,
        .csiMountVolume, .csiWriteVolume, .submitRecommendation, .hostVolumeCreate,
    ]

    package var implied: [Self] {
        switch self {
        case .hostVolumeWrite:
            [.hostVolumeRegister, .hostVolumeCreate, .hostVolumeDelete, .hostVolumeRead]
        case .hostVolumeRegister: [.hostVolumeCreate, .hostVolumeRead]
        case .hostVolumeCreate: [.hostVolumeRead]
        default: []
        }
    }
}
