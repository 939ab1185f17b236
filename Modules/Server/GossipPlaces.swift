// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// What the core calls an address, and what it is. Packets go to few places and come from few: they are
/// looked through from the front.
struct GossipPlaces {
    private var places: [(text: String, place: SocketAddress)] = []
    private var texts: [(place: SocketAddress, text: String)] = []

    /// Of each kind; then all are forgotten.
    private static let countMax = 128

    /// nil for what is no address.
    mutating func place(of text: String) -> SocketAddress? {
        for position in places.indices where places[position].text == text {
            return places[position].place
        }
        guard let place = SocketAddress(text) else { return nil }
        if places.count == Self.countMax { places = [] }
        places.append((text, place))
        return place
    }

    mutating func text(of place: SocketAddress) -> String {
        for position in texts.indices where texts[position].place == place {
            return texts[position].text
        }
        if texts.count == Self.countMax { texts = [] }
        let text = place.description
        texts.append((place, text))
        return text
    }
}
