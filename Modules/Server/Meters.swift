// SPDX-License-Identifier: Apache-2.0

/// Figures of what is around a server, shown with its own by `/v1/metrics`. On the loop.
package protocol Meters: AnyObject {
    var gauges: [(String, Double)] { get }
    var counters: [(String, UInt64)] { get }
}
