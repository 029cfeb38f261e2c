//! Machine profiles that come with the program.

/// A machine profile's name, its text, and whether it was held against reality.
pub struct Shipped {
    /// The name in `machine.profile`.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
    /// How well predictions with it agreed with reality; `None`: nobody has compared.
    pub validated: Option<&'static str>,
}

/// Every one of them.
pub const SHIPPED: [Shipped; 3] = [
    Shipped {
        name: "epyc-vm",
        text: include_str!("../../profiles/machines/epyc-vm.toml"),
        validated: Some(
            "validated for nb-b, nb-amped and nb-laio on a disk-bound trace; docs/validation.md \
             says how well",
        ),
    },
    Shipped {
        name: "xeon-2004",
        text: include_str!("../../profiles/machines/xeon-2004.toml"),
        validated: None,
    },
    Shipped {
        name: "nvme-2024",
        text: include_str!("../../profiles/machines/nvme-2024.toml"),
        validated: None,
    },
];

/// How well predictions with a profile agreed with reality, in words.
pub fn validation_of(name: &str) -> String {
    let shipped = SHIPPED.iter().find(|shipped| shipped.name == name);
    match shipped.and_then(|shipped| shipped.validated) {
        Some(how_well) => format!("Machine profile {name}: {how_well}."),
        None => format!("Machine profile {name}: NOT validated against a real machine."),
    }
}
