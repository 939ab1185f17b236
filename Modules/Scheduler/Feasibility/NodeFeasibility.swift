// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// What a node must be for a group, checked in the order in which metrics blame: constraints, drivers,
/// volumes, devices, network. What is in use on the node plays no part.
struct NodeFeasibility {
    private let signature: GroupSignature
    private var constraints: [RememberingCondition]
    private let devices: [DeviceMatcher]
    private let datacenters: DatacenterNames
    private var datacenterAnswers: KindAnswers
    private var poolAnswers: KindAnswers

    init(_ signature: GroupSignature, _ view: ClusterView) {
        self.signature = signature
        constraints = signature.constraints.map { RememberingCondition(Condition($0), view) }
        devices = signature.devices.map(DeviceMatcher.init)
        datacenters = DatacenterNames(signature.datacenters)
        datacenterAnswers = KindAnswers(view.column(.datacenter))
        poolAnswers = KindAnswers(view.column(.nodePool))
    }

    /// Whether two nodes of one class may come out differently.
    var isEscaped: Bool { constraints.contains { $0.condition.isUnique } }

    /// Asks one question after the other, each of those that all before it have left.
    mutating func verdicts(on candidates: NodeCandidates) -> FeasibilityVerdicts {
        var verdicts = FeasibilityVerdicts(count: candidates.kinds.count)
        checkScope(candidates, &verdicts)
        for index in constraints.indices {
            let reason = verdicts.number(ofReason: constraints[index].condition.text)
            if constraints[index].isAlwaysTrue() { continue }
            var numbers = verdicts.takeNumbers()
            constraints[index].forEach(
                of: candidates, holding: false,
                where: { numbers[$0] == FeasibilityVerdicts.feasible },
                { numbers[$0] = reason })
            verdicts.numbers = numbers
        }
        if asksNothingElse { return verdicts }
        for entry in candidates.kinds.indices where verdicts.isFeasible(entry) {
            guard let objection = objection(to: candidates.node(entry)) else { continue }
            verdicts.numbers[entry] = verdicts.number(ofReason: objection)
        }
        return verdicts
    }

    /// Nodes that are not of the job's datacenters and pool are never looked at.
    private mutating func checkScope(
        _ candidates: NodeCandidates, _ verdicts: inout FeasibilityVerdicts
    ) {
        let (pool, datacenters) = (signature.nodePool, datacenters)
        if pool != Job.nodePoolAll {
            reject(candidates, &verdicts, &poolAnswers) { pool == $0 }
        }
        reject(candidates, &verdicts, &datacenterAnswers) { datacenters.contains($0 ?? "") }
    }

    private func reject(
        _ candidates: NodeCandidates, _ verdicts: inout FeasibilityVerdicts,
        _ answers: inout KindAnswers, _ ask: (String?) -> Bool
    ) {
        if answers.isAlwaysYes(ask) { return }
        var numbers = verdicts.takeNumbers()
        answers.forEach(
            candidates.kinds, saying: false,
            where: { numbers[$0] == FeasibilityVerdicts.feasible }, ask,
            { numbers[$0] = FeasibilityVerdicts.outOfScope })
        verdicts.numbers = numbers
    }

    private var asksNothingElse: Bool {
        signature.drivers.isEmpty && signature.volumes.isEmpty && devices.isEmpty
            && signature.networkMode.isEmpty && signature.hostNetworks.isEmpty
    }

    /// The first reason against the node beyond constraints, as metrics name it.
    private func objection(to node: Shared<Node>) -> String? {
        guard signature.drivers.allSatisfy({ Self.has(driver: $0, node.value) }) else {
            return "missing drivers"
        }
        guard signature.volumes.allSatisfy({ Self.has(volume: $0, node.value) }) else {
            return "missing compatible host volumes"
        }
        guard devices.isEmpty || hasDevices(node.value) else { return "missing devices" }
        guard !signature.networkMode.isEmpty || !signature.hostNetworks.isEmpty else { return nil }
        return hasNetwork(node.value) ? nil : "missing network"
    }

    /// Nodes of old describe their drivers in attributes alone.
    private static func has(driver: String, _ node: Node) -> Bool {
        if let state = node.drivers[driver] { return state.isDetected && state.isHealthy }
        guard let text = node.attributes["driver.\(driver)"] else { return false }
        return text == "1" || text == "true"
    }

    private static func has(volume: VolumeRequest, _ node: Node) -> Bool {
        guard volume.type.isEmpty || volume.type == "host" else { return false }
        guard let owned = node.hostVolumes[volume.source] else { return false }
        return volume.isReadOnly || !owned.isReadOnly
    }

    /// Whether each request finds enough healthy instances in one group, whoever uses them. Requests
    /// are counted together, so that eight requests for a whole card need eight cards. Where it takes too
    /// long to say, the node may have them: whoever assigns them looks again.
    private func hasDevices(_ node: Node) -> Bool {
        let healthy = node.resources.devices.map { $0.instances.count(where: \.isHealthy) }
        var left = healthy
        for request in devices {
            let fits = left.indices.filter {
                left[$0] >= request.count && request.matches(node.resources.devices[$0])
            }
            guard let group = fits.min(by: { left[$0] < left[$1] }) else {
                return devices.count > 1
                    && DeviceSearch.answer(devices, on: node.resources.devices, free: healthy)
                        != .none
            }
            left[group] -= request.count
        }
        return true
    }

    private func hasNetwork(_ node: Node) -> Bool {
        switch signature.networkMode {
        case "", "host", "none": break
        case let mode:
            let modes =
                node.resources.networks.map(\.mode) + node.resources.nodeNetworks.map(\.mode)
            guard modes.contains(mode) else { return false }
        }
        return signature.hostNetworks.allSatisfy { alias in
            node.resources.nodeNetworks.contains { $0.addresses.contains { $0.alias == alias } }
        }
    }
}

/// Names of datacenters, each of which may hold `*` for any text.
struct DatacenterNames: Sendable {
    private let names: [String]

    init(_ names: [String]) {
        self.names = names
    }

    func contains(_ datacenter: String) -> Bool {
        names.contains {
            $0 == datacenter || ($0.utf8.contains(0x2A) && Self.matches($0, datacenter))
        }
    }

    /// Pieces between the asterisks must follow each other; the first and the last are at the ends.
    private static func matches(_ pattern: String, _ text: String) -> Bool {
        let pieces = pattern.split(separator: "*", omittingEmptySubsequences: false)
        var rest = Substring(text)
        for (index, piece) in pieces.enumerated() {
            if index == 0 {
                guard rest.hasPrefix(piece) else { return false }
                rest = rest.dropFirst(piece.count)
            } else if index == pieces.count - 1 {
                return rest.hasSuffix(piece)
            } else if !skip(past: piece, in: &rest) {
                return false
            }
        }
        return rest.isEmpty
    }

    private static func skip(past piece: Substring, in rest: inout Substring) -> Bool {
        while !rest.hasPrefix(piece) {
            guard !rest.isEmpty else { return false }
            rest.removeFirst()
        }
        rest = rest.dropFirst(piece.count)
        return true
    }
}
