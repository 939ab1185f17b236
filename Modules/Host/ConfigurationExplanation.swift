// SPDX-License-Identifier: Apache-2.0

import MartletHCL
import MartletTransport

/// Every setting that an agent runs with, its default, and where it was set.
struct ConfigurationExplanation: Equatable {
    enum Source: Equatable {
        case file(String)
        case flag(String)
        /// Not set; taken from this setting.
        case setting(String)
        case none

        var text: String {
            switch self {
            case .file(let place): place
            case .flag(let name): name
            case .setting(let path): path
            case .none: "default"
            }
        }
    }

    struct Setting: Equatable {
        /// As in `ports.http`.
        let path: String
        let value: HCLValue
        let defaultValue: HCLValue
        let source: Source
    }

    private(set) var settings: [Setting] = []

    init(of reader: ConfigurationReader, hostName: String) {
        var configuration = reader.configuration
        configuration.audit.sinks = configuration.auditSinks
        var defaults = AgentConfiguration()
        defaults.name = hostName
        // The keys of the sinks look at both.
        defaults.audit.sinks = configuration.audit.sinks.map { .init(name: $0.name) }
        let scene = Scene(configuration: configuration, defaults: defaults, origins: reader.origins)
        add(Schema.keys(), under: [], scene)
    }

    private struct Scene {
        let configuration: AgentConfiguration
        let defaults: AgentConfiguration
        let origins: [String: Origin]
    }

    private mutating func add(_ keys: [Key], under path: [String], _ scene: Scene) {
        for key in keys {
            let full = path + [key.name]
            switch key.shape {
            case .block(let inner): add(inner, under: full, scene)
            case .auditSinks:
                for (index, sink) in scene.configuration.audit.sinks.enumerated() {
                    add(Schema.auditSink(at: index), under: full + [sink.name], scene)
                }
            case .alias, .harmless, .withoutEffect: break
            default: add(key.shape, full.joined(separator: "."), scene)
            }
        }
    }

    private mutating func add(_ shape: Shape, _ path: String, _ scene: Scene) {
        let value = shape.value(in: scene.configuration)
        let standard = shape.value(in: scene.defaults)
        var source: Source
        switch scene.origins[path] ?? .none {
        case .file(let file, let line, let column): source = .file("\(file):\(line):\(column)")
        case .flag(let name): source = .flag(name)
        case .none: source = value == standard ? .none : .flag("-dev")
        }
        var effective = value
        if let derived = scene.configuration.derived(path) {
            effective = derived.value
            if value == .null { source = .setting(derived.from) }
        }
        settings.append(
            Setting(path: path, value: effective, defaultValue: standard, source: source))
    }
}

extension AgentConfiguration {
    /// What stands for a setting that nobody set, and which setting it is taken from.
    fileprivate func derived(_ path: String) -> (value: HCLValue, from: String)? {
        let parts = path.split(separator: ".").map(String.init)
        switch (parts.first, parts.last) {
        case ("addresses", let name?):
            let service = Service(rawValue: name)
            return (.string(service.flatMap { addresses[$0] } ?? bindAddress), "bind_addr")
        case ("advertise", let name?):
            guard let service = Service(rawValue: name),
                let address = advertisedAddress(of: service)
            else { return nil }
            let isFound = privateAddress != nil && lacksAddress(service)
            return (.string(address.description), isFound ? "default route" : "addresses.\(name)")
        case ("audit", "path"):
            let sink = audit.sinks.first { $0.name == parts[2] }
            guard let sink, let path = auditPath(of: sink) else { return nil }
            return (.string(path), "data_dir")
        default: return nil
        }
    }
}

extension Shape {
    /// What a key holds in a configuration; secrets hidden.
    fileprivate func value(in configuration: AgentConfiguration) -> HCLValue {
        switch self {
        case .text(let target, _): return .string(configuration[keyPath: target])
        case .optionalText(let target, _):
            return configuration[keyPath: target].map { .string($0) } ?? .null
        case .texts(let target, _), .commaSeparated(let target, _):
            let place = HCLPosition(line: 1, column: 1)
            return .list(configuration[keyPath: target].map { HCLNode(.string($0), at: place) })
        case .number(let target, _): return .number(text: "\(configuration[keyPath: target])")
        case .bool(let target): return .bool(configuration[keyPath: target])
        case .duration(let target, _): return .string(goText(configuration[keyPath: target]))
        case .choice(let choice): return .string(choice.word(configuration))
        case .fileMode(let target):
            return .string("0" + String(configuration[keyPath: target], radix: 8))
        case .gossipKey(let target):
            return configuration[keyPath: target] == nil ? .null : .string("(hidden)")
        case .exactly(let wanted, _): return .number(text: "\(wanted)")
        case .block, .auditSinks, .alias, .harmless, .withoutEffect: return .null
        }
    }
}
