// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Keeps its own, slow account of every node, and tells what no plan may do.
struct Checker {
    private struct Account {
        let node: Node
        var cpu = 0
        var memory = 0
        var disk = 0
        var ports: [String: Int] = [:]
        var devices: [String: Int] = [:]
        var allocations = 0
    }

    private var accounts: [UniqueID: Account] = [:]
    private var changed: Set<UniqueID> = []
    private(set) var faults: [String] = []

    init(_ nodes: [Node]) {
        for node in nodes { accounts[node.id] = Account(node: node) }
    }

    mutating func add(_ allocation: Allocation) { change(allocation, by: 1) }

    mutating func remove(_ allocation: Allocation) { change(allocation, by: -1) }

    private mutating func change(_ allocation: Allocation, by sign: Int) {
        guard var account = accounts.removeValue(forKey: allocation.nodeID) else {
            faults.append("\(allocation.name) is on an unknown node")
            return
        }
        let given = allocation.resources.value
        for task in given.tasks {
            account.cpu += sign * task.cpu
            account.memory += sign * task.memoryMB
            for device in task.devices {
                for id in device.deviceIDs {
                    let name = "\(device.vendor)/\(device.type)/\(device.name)/\(id)"
                    account.devices[name, default: 0] += sign
                }
            }
        }
        account.disk += sign * given.diskMB
        for port in given.ports {
            account.ports["\(port.hostIP):\(port.value)", default: 0] += sign
        }
        account.allocations += sign
        accounts[allocation.nodeID] = account
        changed.insert(allocation.nodeID)
    }

    /// Looks at every node that has changed since the last time.
    mutating func verify() {
        for id in changed {
            guard let account = accounts[id] else { continue }
            let usable = account.node.usable
            if account.cpu > usable.cpu || account.memory > usable.memoryMB
                || account.disk > usable.diskMB
            {
                faults.append("\(account.node.name) is over its capacity")
            }
            if account.ports.values.contains(where: { $0 > 1 }) {
                faults.append("\(account.node.name) has a port twice")
            }
            if account.devices.values.contains(where: { $0 > 1 }) {
                faults.append("\(account.node.name) has a device twice")
            }
        }
        changed.removeAll(keepingCapacity: true)
    }

    var nodesUsed: Int { accounts.values.count { $0.allocations > 0 } }

    var devicesUsed: Int {
        accounts.values.reduce(0) { $0 + $1.devices.values.count { $0 > 0 } }
    }

    var devicesTotal: Int {
        accounts.values.reduce(0) { total, account in
            total + account.node.resources.devices.reduce(0) { $0 + $1.instances.count }
        }
    }
}
