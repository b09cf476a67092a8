mod codec;
mod machine;
