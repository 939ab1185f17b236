// SPDX-License-Identifier: Apache-2.0

package struct Route<Endpoint: Sendable>: Sendable {
    package let path: String
    package let methods: [(RequestHead.Method, Endpoint)]

    package init(path: String, methods: [(RequestHead.Method, Endpoint)]) {
        self.path = path
        self.methods = methods
    }
}

package enum RouterMatch<Endpoint: Sendable>: Sendable {
    case found(Endpoint, parameters: [Substring])
    case notFound
    /// For the `Allow` field: the methods that the path has, sorted.
    case methodNotAllowed(allow: String)
}

/// Which endpoint a path and a method mean. Paths match exactly; `:name` stands for one segment.
/// HEAD is answered wherever GET is (RFC 9110 §9.3.2).
package struct Router<Endpoint: Sendable>: Sendable {
    private struct Entry: Sendable {
        let methods: [(RequestHead.Method, Endpoint)]
        let allow: String
    }

    private var exact: [String: Entry] = [:]
    private var patterns: [(segments: [Substring], entry: Entry)] = []

    package init(_ routes: [Route<Endpoint>]) {
        for route in routes {
            let entry = Entry(methods: route.methods, allow: Self.allow(route.methods))
            if route.path.contains(":") {
                patterns.append((Self.segments(of: route.path[...]), entry))
            } else {
                precondition(exact[route.path] == nil, "two routes for \(route.path)")
                exact[route.path] = entry
            }
        }
    }

    package func match(method: RequestHead.Method, path: String) -> RouterMatch<Endpoint> {
        if let entry = exact[path] { return Self.choose(entry, method, []) }
        guard !patterns.isEmpty else { return .notFound }
        let segments = Self.segments(of: path[...])
        for pattern in patterns where pattern.segments.count == segments.count {
            var parameters: [Substring] = []
            let fits = zip(pattern.segments, segments).allSatisfy { wanted, found in
                guard wanted.hasPrefix(":") else { return wanted == found }
                parameters.append(found)
                return !found.isEmpty
            }
            if fits { return Self.choose(pattern.entry, method, parameters) }
        }
        return .notFound
    }

    private static func choose(
        _ entry: Entry, _ method: RequestHead.Method, _ parameters: [Substring]
    ) -> RouterMatch<Endpoint> {
        let wanted = method == .head ? .get : method
        guard let found = entry.methods.first(where: { $0.0 == wanted }) else {
            return .methodNotAllowed(allow: entry.allow)
        }
        return .found(found.1, parameters: parameters)
    }

    private static func segments(of path: Substring) -> [Substring] {
        path.split(separator: "/", omittingEmptySubsequences: false)
    }

    private static func allow(_ methods: [(RequestHead.Method, Endpoint)]) -> String {
        var names = methods.map { "\($0.0)".uppercased() }
        if names.contains("GET") { names.append("HEAD") }
        return names.sorted().joined(separator: ", ")
    }
}
