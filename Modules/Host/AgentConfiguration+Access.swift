// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletServer

extension AgentConfiguration.ACL {
    /// How a server asks callers who they are; `directory` is its data folder, nil for none.
    func apply(to options: inout ServerOptions, directory: String?) {
        options.acl.isEnabled = isEnabled
        options.acl.expirationMin = GoDuration(tokenMinExpirationTTL)
        options.acl.expirationMax = GoDuration(tokenMaxExpirationTTL)
        options.acl.resetRevokes = bootstrapResetRevokes
        options.acl.bootstrapResetPath = directory.map(DataFolder.bootstrapResetPath(in:))
    }
}

extension AgentConfiguration {
    /// nil while it is off; `directory` is the data folder.
    func auditOptions(directory: String) -> AuditOptions? {
        guard let sink = auditSinks.first else { return nil }
        var options = AuditOptions(path: sink.path ?? "\(directory)/audit/audit.log")
        options.guarantee = sink.deliveryGuarantee == .enforced ? .enforced : .bestEffort
        options.rotateBytes = sink.rotateBytes
        options.rotateDuration = sink.rotateDuration
        options.rotatedFilesMax = sink.rotateMaxFiles
        return options
    }
}
