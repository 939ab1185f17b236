// SPDX-License-Identifier: Apache-2.0
import MartletJSON

extension TaskResources {
    init(_ fields: BodyFields) throws(APIError) {
        self.init()
        cores = try fields.int("Cores", default: 0)
        // Whole cores bring their MHz.
        cpu = try fields.int("CPU", default: fields.has("Cores") ? 0 : Self.cpuDefault)
        // Clients send back what they were given: no cores, and no MHz beside cores.
        if cpu == 0, cores == 0, !fields.has("CPU") { cpu = Self.cpuDefault }
        memoryMB = try fields.int("MemoryMB", default: Self.memoryDefaultMB)
        memoryMaxMB = try fields.int("MemoryMaxMB", default: 0)
        networks = try fields.networks()
        for device in try fields.objects("Devices", max: SchedulingBounds.devicesMax) {
            devices.append(try DeviceRequest(device))
        }
    }
}

extension DeviceRequest {
    init(_ fields: BodyFields) throws(APIError) {
        self.init(
            name: try fields.string("Name", default: ""),
            count: try fields.int("Count", default: 1),
            constraints: try fields.constraints(), affinities: try fields.affinities())
    }
}

extension NetworkRequest {
    init(_ fields: BodyFields) throws(APIError) {
        self.init()
        mode = try fields.string("Mode", default: "")
        megabits = try fields.int("MBits", default: 0)
        if let dns = try fields.optionalObject("DNS") {
            let max = SchedulingBounds.addressesMax
            self.dns = DNSConfiguration(
                servers: try dns.strings("Servers", max: max),
                searches: try dns.strings("Searches", max: max),
                options: try dns.strings("Options", max: max))
        }
        reservedPorts = try fields.ports("ReservedPorts")
        dynamicPorts = try fields.ports("DynamicPorts")
    }
}

extension BodyFields {
    func networks() throws(APIError) -> [NetworkRequest] {
        var networks: [NetworkRequest] = []
        for fields in try objects("Networks", max: SchedulingBounds.networksMax) {
            networks.append(try NetworkRequest(fields))
        }
        return networks
    }

    func ports(_ name: String) throws(APIError) -> [PortRequest] {
        var ports: [PortRequest] = []
        for fields in try objects(name, max: SchedulingBounds.portsMax) {
            var port = PortRequest(
                label: try fields.string("Label", default: ""),
                value: try fields.int("Value", default: 0), to: try fields.int("To", default: 0),
                hostNetwork: try fields.string("HostNetwork", default: ""))
            if port.hostNetwork.isEmpty { port.hostNetwork = PortRequest.hostNetworkDefault }
            ports.append(port)
        }
        return ports
    }
}
