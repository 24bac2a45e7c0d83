internal import Tensors
internal import WeightStore

extension ElementType {
    /// The form that holds the same weights exactly.
    var form: WeightForm {
        switch self {
        case .f32: .float(.f32)
        case .f16: .float(.f16)
        case .bf16: .float(.bf16)
        case .q4_0: .q4_0
        case .q4_1: .q4_1
        case .q5_0: .q5_0
        case .q5_1: .q5_1
        case .q8_0: .q8_0
        case .q3_K: .q3_K
        case .q4_K: .q4_K
        case .q5_K: .q5_K
        case .q6_K: .q6_K
        }
    }
}
