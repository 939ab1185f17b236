// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// The body that promotes canaries.
package struct DeploymentPromoteRequest: Equatable, Sendable {
    /// nil for all groups.
    package var groups: [String]?

    /// - Parameter id: the deployment that the path names.
    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8], of id: String) throws(APIError)
        -> DeploymentPromoteRequest
    {
        let fields = try BodyFields(
            try ConfigurationKind.deployment.parse(body: body), of: .deployment)
        try fields.check("DeploymentID", isOrAbsent: id, "Deployment")
        if try fields.bool("All", default: false) { return DeploymentPromoteRequest(groups: nil) }
        let groups = try fields.strings("Groups", max: SchedulingBounds.groupsMax)
        guard !groups.isEmpty else {
            throw fields.refusal("Groups", "names no group, and All is not set")
        }
        return DeploymentPromoteRequest(groups: groups)
    }
}

/// The body that pauses a deployment or lets it go on.
package struct DeploymentPauseRequest: Equatable, Sendable {
    package var pauses: Bool

    /// - Parameter id: the deployment that the path names.
    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8], of id: String) throws(APIError)
        -> DeploymentPauseRequest
    {
        let fields = try BodyFields(
            try ConfigurationKind.deployment.parse(body: body), of: .deployment)
        try fields.check("DeploymentID", isOrAbsent: id, "Deployment")
        return DeploymentPauseRequest(pauses: try fields.bool("Pause", default: false))
    }
}

/// The body that says of allocations whether they are healthy.
package struct DeploymentHealthRequest: Equatable, Sendable {
    package var healthy: [UniqueID]
    package var unhealthy: [UniqueID]

    /// - Parameter id: the deployment that the path names.
    /// - Throws: 400 that names the field.
    package static func parse(
        body: [UInt8], of id: String, limits: JSONLimits = SchedulingBounds.updateLimits
    ) throws(APIError) -> DeploymentHealthRequest {
        let fields = try BodyFields(
            try ConfigurationKind.deployment.parse(body: body, limits: limits), of: .deployment)
        try fields.check("DeploymentID", isOrAbsent: id, "Deployment")
        let request = DeploymentHealthRequest(
            healthy: try fields.uniqueIDs(
                "HealthyAllocationIDs", max: SchedulingBounds.updatesMax),
            unhealthy: try fields.uniqueIDs(
                "UnhealthyAllocationIDs", max: SchedulingBounds.updatesMax))
        guard !request.healthy.isEmpty || !request.unhealthy.isEmpty else {
            throw fields.refusal(
                "HealthyAllocationIDs", "must specify at least one healthy/unhealthy allocation ID")
        }
        return request
    }
}
