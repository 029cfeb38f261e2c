//! How the shared library is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    // Programs ask for this name, so that a later, incompatible library can be installed beside it.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,liblaio.so.{major}");
    // Carriers and destructors of thread-specific data run the library's code: it cannot be
    // unloaded.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
