mod body;
mod codec;
mod machine;
mod population;
mod ring;
mod series;
mod size;
