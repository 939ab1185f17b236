// SPDX-License-Identifier: Apache-2.0

extension NetworkRequest {
    /// - Parameters labels, numbers: of the ports before it, to which its own are added.
    func faults(
        _ labels: inout Set<String>, _ numbers: inout SortedMap<String>
    ) -> [String] {
        var faults =
            FaultList.name("Network.Mode", mode) + FaultList.amount("Network.MBits", megabits)
        for port in reservedPorts + dynamicPorts {
            faults += port.faults
            if !labels.insert(port.label).inserted {
                faults.append("Port label \(FaultList.shown(port.label)) already in use")
            }
        }
        for port in reservedPorts where port.faults.isEmpty {
            guard port.value > 0 else {
                faults.append("Port \(FaultList.shown(port.label)) has no static value")
                continue
            }
            let place = "\(port.hostNetwork):\(port.value)"
            if let other = numbers[place] {
                faults.append("Static port \(port.value) already reserved by \(other)")
            }
            numbers[place] = port.label
        }
        for text in (dns?.servers ?? []) + (dns?.searches ?? []) + (dns?.options ?? []) {
            faults += FaultList.name("Network.DNS", text)
        }
        return faults
    }
}

extension PortRequest {
    fileprivate var faults: [String] {
        var faults =
            FaultList.name("Port label", label) + FaultList.name("HostNetwork", hostNetwork)
        if label.isEmpty { faults.append("Port is missing a label") }
        if !(0...65_535 ~= value) {
            faults.append("Port \(FaultList.shown(label)) has an invalid value \(value)")
        }
        if !(-1...65_535 ~= to) {
            faults.append(
                "Port \(FaultList.shown(label)) is mapped to an invalid port \(to)")
        }
        return faults
    }
}
