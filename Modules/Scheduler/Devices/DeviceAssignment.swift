// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// What a group asks of devices, with the task of each request.
struct DeviceAsk: Sendable {
    struct Request: Sendable {
        let task: Int
        let matcher: DeviceMatcher
        /// Index into the ask's types.
        let type: Int
    }

    let requests: [Request]
    /// The types of device that are asked for, each once.
    let types: [String]
    /// Requests in the order of assignment: the larger first, since they find fewer groups.
    let order: [Int]

    init(_ group: TaskGroup) {
        var requests: [Request] = []
        var types: [String] = []
        for (index, task) in group.tasks.enumerated() {
            for device in task.resources.devices {
                let matcher = DeviceMatcher(device)
                let name = String(matcher.type)
                let type = types.firstIndex(of: name) ?? types.count
                if type == types.count { types.append(name) }
                requests.append(Request(task: index, matcher: matcher, type: type))
            }
        }
        self.requests = requests
        self.types = types
        order = requests.indices.sorted {
            (-requests[$0].matcher.count, $0) < (-requests[$1].matcher.count, $1)
        }
    }

    var isEmpty: Bool { requests.isEmpty }
}

/// The devices of one placement: for each request a group and instances of it.
struct DeviceAssignment: Sendable {
    /// By request.
    var groups: [Int]
    var instances: [[Int]]
    /// Σ matched weights / Σ|weights|; nil if no request has affinities.
    var affinity: Double?

    /// Chooses for each request one matching group: by affinity, then the one with the fewest free
    /// instances that still fits, so that large groups stay whole. Requests of a type in `opening` (by
    /// type, empty for none) take a whole group rather than a part of an open one. Where that leaves a request
    /// without, they are chosen together (``DeviceSearch``). nil if a request finds none then, either.
    static func make(
        _ ask: DeviceAsk, on node: Node, in devices: NodeDevices, opening: [Bool]
    ) -> DeviceAssignment? {
        if !opening.isEmpty, let found = attempt(ask, on: node, in: devices, opening: opening) {
            return found
        }
        if let found = attempt(ask, on: node, in: devices, opening: []) { return found }
        guard ask.requests.count > 1,
            case .groups(let groups) = DeviceSearch.answer(
                ask.requests.map(\.matcher), on: node.resources.devices,
                free: devices.groups.map(\.free))
        else { return nil }
        return attempt(ask, on: node, in: devices, opening: [], groups: groups)
    }

    /// - Parameter groups: by request, where they are chosen already.
    private static func attempt(
        _ ask: DeviceAsk, on node: Node, in found: NodeDevices, opening: [Bool],
        groups: [Int]? = nil
    ) -> DeviceAssignment? {
        var devices = found
        var result = DeviceAssignment(
            groups: Array(repeating: -1, count: ask.requests.count),
            instances: Array(repeating: [], count: ask.requests.count))
        var matched = 0
        var weights = 0
        for index in ask.order {
            let matcher = ask.requests[index].matcher
            let opens = !opening.isEmpty && opening[ask.requests[index].type]
            guard
                let group = groups?[index]
                    ?? choose(matcher, on: node, in: devices, opens: opens)
            else { return nil }
            let instances = devices.pick(matcher.count, of: group)
            devices.take(instances, of: group)
            result.groups[index] = group
            result.instances[index] = instances
            guard matcher.hasAffinities else { continue }
            matched += matcher.matchedWeight(node.resources.devices[group])
            weights += matcher.weightSum
        }
        if weights > 0 { result.affinity = Double(matched) / Double(weights) }
        return result
    }

    private static func choose(
        _ matcher: DeviceMatcher, on node: Node, in devices: NodeDevices, opens: Bool
    ) -> Int? {
        var best: (group: Int, key: (weight: Int, open: Int, free: Int))?
        for (index, group) in node.resources.devices.enumerated() {
            let free = devices.groups[index].free
            guard free >= matcher.count, matcher.matches(group) else { continue }
            let weight = matcher.hasAffinities ? matcher.matchedWeight(group) : 0
            let open = opens && devices.groups[index].isOpen ? 1 : 0
            let key = (weight: -weight, open: open, free: free)
            if let known = best, known.key <= key { continue }
            best = (index, key)
        }
        return best?.group
    }

    /// As the allocation carries it.
    func devices(of task: Int, ask: DeviceAsk, node: Node) -> [AllocatedDevice] {
        ask.requests.indices.filter { ask.requests[$0].task == task }.map { index in
            let group = node.resources.devices[groups[index]]
            return AllocatedDevice(
                vendor: group.vendor, type: group.type, name: group.name,
                deviceIDs: instances[index].map { group.instances[$0].id })
        }
    }
}
