/// What a benchmark reads: prose, because which channels a model needs depends on what it reads.
enum SampleText {
    static let prose = """
        The ferry left the island a little after six, while the lamps along the quay were still burning. Most of \
        the passengers had gone below to find something warm to drink, but an old carpenter stayed at the rail \
        with his tools wrapped in a blanket beside him. He had built half of the houses that were now growing \
        small behind the ship, and he named them quietly to himself, one after another, as another man might \
        count his children. The harbour master's house had taken two summers, because the first roof was carried \
        away by a storm before it was finished. The school was the easiest: the whole village had come to help, \
        and the walls stood in nine days. What he remembered best, however, was a small shed for boats, which \
        nobody else would have noticed. He had made it alone when he was nineteen, with wood from a wreck, and \
        it had never needed a single repair.

        By the time the sun came up the sea was calm. A young woman with a notebook sat down on the bench and \
        asked whether the blanket held an instrument. He laughed and told her that in a way it did. She was an \
        engineer, she said, on her way to measure how fast the cliffs were wearing away; she carried a machine \
        that could hear the waves through forty metres of stone. They talked about how one learns to trust a \
        measurement. He believed what his hands told him, and checked it with a string and a weight. She \
        believed what she could repeat. When the ship reached the mainland they had agreed that these were much \
        the same thing, and he gave her the string.
        """
}
