// SPDX-License-Identifier: Apache-2.0

package enum RouterMatch<Endpoint: Sendable>: Sendable {
    /// `parameters` has a part of the path for each `:name` of the route, in order.
    case found(Endpoint, parameters: [Substring])
    case notFound
    /// The path has endpoints, none of them for this method. `allow` is the value for `Allow`.
    case methodNotAllowed(allow: String)
}

/// Finds the endpoint for a method and a path.
///
/// A route is a path, whose last segments may be parameters: `/v1/acl/policy/:name`. A parameter
/// matches one segment that is not empty. An exact path wins over parameters, and fewer parameters
/// over more, whatever their methods are. Case counts, and so does a slash at the end.
///
/// A parameter with fixed segments behind it, `/v1/job/:id/summary`, stands for an id that may hold
/// slashes: it matches as much as it can, and so does then the last one of `/v1/job/:id`. Of several
/// that match, the one with more fixed segments in front wins.
package struct Router<Endpoint: Sendable>: Sendable {
    package struct Route: Sendable {
        package let methods: [RequestHead.Method: Endpoint]
        package let path: String

        package init(methods: [RequestHead.Method: Endpoint], path: String) {
            self.methods = methods
            self.path = path
        }
    }

    @usableFromInline struct Entry: Sendable {
        /// By the raw value of the method.
        @usableFromInline let endpoints: [Endpoint?]
        @usableFromInline let allow: String

        init(_ methods: [RequestHead.Method: Endpoint]) {
            var methods = methods
            if let get = methods[.get], methods[.head] == nil { methods[.head] = get }
            endpoints = RequestHead.Method.allCases.map { methods[$0] }
            allow = methods.keys.map { "\($0)".uppercased() }.sorted().joined(separator: ", ")
        }
    }

    // Each request is looked up two or three times: whoever has endpoints has code of his own for it.

    @usableFromInline var exact: [String: Entry] = [:]
    /// At index `n`, routes with `n + 1` parameters, by the path before them without its slash.
    @usableFromInline var prefixes: [[Substring: Entry]] = []
    /// Routes whose one parameter may hold slashes, by the path before it, of which the longest wins.
    private var wrapped: [(prefix: String, endings: [(suffix: String, entry: Entry)])] = []

    /// - Precondition: Each path starts with a slash (or is `*`), stands once, and has parameters at
    ///   its end only, or one in front of fixed segments.
    package init(_ routes: [Route]) {
        for route in routes {
            precondition(route.path == "*" || route.path.hasPrefix("/"), "path: \(route.path)")
            let segments = route.path.split(separator: "/", omittingEmptySubsequences: false)
            let isParameter = segments.map { $0.hasPrefix(":") }
            let fixedCount = isParameter.firstIndex(of: true) ?? segments.count
            let parameterCount = segments.count - fixedCount
            if let last = isParameter.last, !last, parameterCount > 0 {
                addWrapped(route, segments, at: fixedCount)
            } else if parameterCount == 0 {
                let former = exact.updateValue(Entry(route.methods), forKey: route.path)
                precondition(former == nil, "a path has two routes: \(route.path)")
            } else {
                precondition(isParameter[fixedCount...].allSatisfy { $0 }, "path: \(route.path)")
                while prefixes.count < parameterCount { prefixes.append([:]) }
                let prefix = Substring(segments[..<fixedCount].joined(separator: "/"))
                let former = prefixes[parameterCount - 1]
                    .updateValue(Entry(route.methods), forKey: prefix)
                precondition(former == nil, "a path has two routes: \(route.path)")
            }
        }
    }

    private mutating func addWrapped(_ route: Route, _ segments: [Substring], at place: Int) {
        precondition(
            !segments[(place + 1)...].contains { $0.hasPrefix(":") }, "path: \(route.path)")
        let prefix = segments[..<place].joined(separator: "/")
        let ending = ("/" + segments[(place + 1)...].joined(separator: "/"), Entry(route.methods))
        if let known = wrapped.firstIndex(where: { $0.prefix == prefix }) {
            wrapped[known].endings.append(ending)
        } else {
            wrapped.append((prefix, [ending]))
            wrapped.sort { $0.prefix.utf8.count > $1.prefix.utf8.count }
        }
    }

    @inlinable @inline(__always) package func match(
        method: RequestHead.Method, path: String
    ) -> RouterMatch<Endpoint> {
        if let entry = exact[path] { return answer(entry, method, []) }
        var rest = Substring(path)
        var parameters: [Substring] = []
        for routes in prefixes {
            guard let slash = rest.utf8.lastIndex(of: UInt8(ascii: "/")) else { break }
            let segment = rest[rest.index(after: slash)...]
            if segment.isEmpty { break }
            parameters.insert(segment, at: 0)
            rest = rest[..<slash]
            if let entry = routes[rest] { return answer(entry, method, parameters) }
        }
        return matchWrapped(method, path)
    }

    /// By its beginning and its end; what is between them is one parameter.
    @usableFromInline func matchWrapped(
        _ method: RequestHead.Method, _ path: String
    ) -> RouterMatch<Endpoint> {
        for route in wrapped where path.utf8.starts(with: (route.prefix + "/").utf8) {
            let rest = path[
                path.utf8.index(path.startIndex, offsetBy: route.prefix.utf8.count + 1)...]
            for (suffix, entry) in route.endings where rest.utf8.count > suffix.utf8.count {
                let end = rest.utf8.index(rest.endIndex, offsetBy: -suffix.utf8.count)
                guard rest.utf8[end...].elementsEqual(suffix.utf8) else { continue }
                return answer(entry, method, [rest[..<end]])
            }
            if !rest.isEmpty, let entry = prefixes.first?[Substring(route.prefix)] {
                return answer(entry, method, [rest])
            }
        }
        return .notFound
    }

    @inlinable @inline(__always) func answer(
        _ entry: Entry, _ method: RequestHead.Method, _ parameters: [Substring]
    ) -> RouterMatch<Endpoint> {
        if let endpoint = entry.endpoints[method.rawValue] {
            return .found(endpoint, parameters: parameters)
        }
        return .methodNotAllowed(allow: entry.allow)
    }
}
